"""Connects to checked addresses only: one look-up, every answer checked, that answer used."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from ipaddress import ip_address

import anyio
import anyio.to_thread
import httpcore

from ocr_api.errors import TargetUnreachableError
from ocr_api.outbound.addresses import Address, Network, find_refusal, literal_address
from ocr_api.outbound.target import refuse_address

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host, as text."""

_MOST_TRIED = 3


async def resolve(host: str, port: int) -> Sequence[str]:
    """Asks the system's resolver; raises `OSError` where there is no answer."""
    # not the loop's own getaddrinfo: that has few threads, which one silent name server would hold
    found = await anyio.to_thread.run_sync(
        partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM), abandon_on_cancel=True
    )
    return [str(address[0]) for *_, address in found]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The network as httpcore sees it.

    A name is looked up once for a connection. If any of its addresses is refused, nothing is
    connected to; otherwise the connection goes to one of the addresses that were checked, so
    that a second, different answer (DNS rebinding) has no effect. TLS and the Host header still
    use the name.

    Args:
        network: Opens connections; the real network, or a test's.
        allowed: Networks that may be reached although they are not public.
        resolver: Looks names up.
    """

    def __init__(
        self,
        network: httpcore.AsyncNetworkBackend,
        allowed: Sequence[Network] = (),
        resolver: Resolve = resolve,
    ) -> None:
        self._network = network
        self._allowed = tuple(allowed)
        self._resolver = resolver

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Opens a connection.

        Raises:
            TargetRefusedError: An address of the host is refused; nothing was sent.
            TargetUnreachableError: The host has no address.
            httpcore.ConnectError: No connection could be opened.
        """
        addresses = await self._checked(host, port)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(
            str(addresses[-1]), port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        """Waits, as httpcore asks between its own tries."""
        await anyio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> Sequence[Address]:
        addresses = await self._addresses(host, port)
        for address in addresses:
            if (why := find_refusal(address, self._allowed)) is not None:
                raise refuse_address(host, why)
        return addresses[:_MOST_TRIED]

    async def _addresses(self, host: str, port: int) -> list[Address]:
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError) as exc:
            raise _no_address(host) from exc
        # a zone index, as in fe80::1%eth0, tells nothing that matters here
        unique = dict.fromkeys(ip_address(text.partition("%")[0]) for text in found)
        if not unique:
            raise _no_address(host)
        return list(unique)


def _no_address(host: str) -> TargetUnreachableError:
    return TargetUnreachableError(f"No address is known of '{host}'.")
