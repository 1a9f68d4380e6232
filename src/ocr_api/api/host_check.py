"""Keeps foreign web pages from reaching an open service through a visitor's browser.

A page on another site can point its own name at this machine (DNS rebinding) or post a form here.
Names that only this machine's owner uses, IP addresses among them, cannot be rebound.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ocr_api.api.problems import problem_response
from ocr_api.errors import ForeignHostError

_DEFAULT_PORTS = {"http": 80, "https": 443}


class HostCheck:
    """ASGI middleware: answers 403 where Host or Origin names a foreign site."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = find_foreign(headers.get("host", ""), headers.get("origin"), self._allowed)
            if refusal is not None:
                await problem_response(ForeignHostError(refusal))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def find_foreign(host: str, origin: str | None, allowed: Collection[str]) -> str | None:
    """Says why a request is refused; None = it is not.

    Args:
        host: The Host header.
        origin: The Origin header, where there is one.
        allowed: Further names in lower case that requests may be made to.
    """
    name = _host_name(f"//{host}")
    if name is None or not _is_own(name, allowed):
        return (
            f"The Host header names '{_shown(host)}', which this service does not answer to. "
            "Use localhost or an IP address, or add the name to ALLOWED_HOSTS."
        )
    if origin is not None and not _is_same_site(origin, host, allowed):
        return (
            f"The Origin header names '{_shown(origin)}', a foreign site. "
            "To let its pages in, add its host name to ALLOWED_HOSTS."
        )
    return None


def _is_own(name: str, allowed: Collection[str]) -> bool:
    if name == "localhost" or name.endswith(".localhost") or name in allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_site(origin: str, host: str, allowed: Collection[str]) -> bool:
    name = _host_name(origin)
    if name is None:
        return False
    if name in allowed:
        return True
    scheme = urlsplit(origin).scheme
    return _site(origin, scheme) == _site(f"//{host}", scheme)


def _site(address: str, scheme: str) -> tuple[str | None, int | None]:
    try:
        port = urlsplit(address).port
    except ValueError:
        port = -1
    return _host_name(address), port if port is not None else _DEFAULT_PORTS.get(scheme)


def _host_name(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _shown(value: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in value[:100])
