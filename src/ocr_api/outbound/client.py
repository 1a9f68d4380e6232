"""Sends one request to the outside: no redirects, no proxies, one deadline, a bounded answer."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import anyio
import anyio.to_thread
import httpcore
import httpx

from ocr_api.errors import TargetTimeoutError, TargetUnreachableError
from ocr_api.outbound.addresses import Network
from ocr_api.outbound.connector import GuardedBackend, Resolve, resolve
from ocr_api.outbound.target import check_target

_DRAINED_BYTES = 64 * 1024
"""So much of an answer's body is read, so that a well-behaved server can finish writing; what it
says is dropped."""

_DRAIN_S = 1.0
_CONNECT_S = 5.0
"""For one of a host's addresses, so that the next one gets its turn."""


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """How far requests go.

    Attributes:
        timeout_s: For a whole request: look-up, connection, TLS, sending, the answer's head.
        connections: At the same time.
        allowed: Networks that may be reached although they are not public.
    """

    timeout_s: float = 15.0
    connections: int = 32
    allowed: Sequence[Network] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]


class Outbound:
    """Requests to places that callers name; made by `Outbound.open`.

    Every request opens a connection of its own, so its address is checked each time.
    """

    def __init__(self, pool: httpcore.AsyncConnectionPool, limits: OutboundLimits) -> None:
        self._pool = pool
        self._limits = limits

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        limits: OutboundLimits,
        *,
        network: httpcore.AsyncNetworkBackend | None = None,
        resolver: Resolve = resolve,
    ) -> AsyncGenerator[Outbound]:
        """Gives a client for the time of the context.

        Args:
            limits: How far requests go.
            network: Opens connections; by default the real network.
            resolver: Looks names up; by default the system's.
        """
        context = await anyio.to_thread.run_sync(_tls)
        real = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        backend = GuardedBackend(network or real, limits.allowed, resolver)
        async with httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.connections,
            max_keepalive_connections=0,
            network_backend=backend,
        ) as pool:
            yield cls(pool, limits)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Sends a POST and gives the head of its answer, whatever the status; never redirects.

        Raises:
            TargetRefusedError: The place is not reached; nothing was sent.
            TargetTimeoutError: It took longer than the deadline.
            TargetUnreachableError: No connection, or it broke before there was an answer.
        """
        target = check_target(url, self._limits.allowed)
        try:
            with anyio.fail_after(self._limits.timeout_s):
                return await self._post(target, headers, body)
        except (TimeoutError, httpcore.TimeoutException) as exc:
            msg = f"There was no answer within {self._limits.timeout_s:g} seconds."
            raise TargetTimeoutError(msg) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise TargetUnreachableError(_explain(exc)) from exc

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        sent = {"Host": url.netloc.decode("ascii"), **headers}
        extensions = {"timeout": {"connect": _CONNECT_S}}
        async with self._pool.stream(
            "POST", target, headers=list(sent.items()), content=body, extensions=extensions
        ) as answer:
            await _drain(answer.aiter_stream())
            return Answer(answer.status, _decoded(answer.headers))


async def _drain(chunks: AsyncIterable[bytes]) -> None:
    """Reads some of a body, for a while; that it breaks off changes nothing of the answer."""
    left = _DRAINED_BYTES
    with suppress(httpcore.NetworkError, httpcore.ProtocolError), anyio.move_on_after(_DRAIN_S):
        async for chunk in chunks:
            left -= len(chunk)
            if left <= 0:
                return


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _explain(error: Exception) -> str:
    """Says in our words what went wrong; a foreign text could tell too much of the network."""
    if isinstance(error, httpcore.ConnectError):
        is_tls = any(isinstance(found, ssl.SSLError) for found in _causes(error))
        return (
            "TLS failed, or its certificate was not accepted."
            if is_tls
            else "No connection could be opened."
        )
    if isinstance(error, httpcore.ProtocolError):
        return "The connection ended, or broke the protocol, before there was an answer."
    return "The connection broke."


def _causes(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _tls() -> ssl.SSLContext:
    """Reads the certificates of authorities; blocking. SSL_CERT_FILE and SSL_CERT_DIR count."""
    return httpx.create_ssl_context()
