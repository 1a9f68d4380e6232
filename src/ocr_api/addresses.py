"""Where servers are: the URL of a Redis or Valkey, and whether a URL may be another machine's."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, unquote, urlsplit

from ocr_api.errors import SettingsError


def server_url(host: str, port: int) -> str:
    """Gives the URL of a server; an IPv6 address may stand in brackets, and have a zone.

    Raises:
        SettingsError: What stands in brackets is no IPv6 address.
    """
    is_bracketed = host.startswith("[") and host.endswith("]")
    bare = unquote(host[1:-1]) if is_bracketed else host
    try:
        ipaddress.IPv6Address(bare)
    except ValueError:
        if is_bracketed:
            msg = f"REDIS_HOST: {host} is no IPv6 address."
            raise SettingsError(msg) from None
        return f"redis://{host}:{port}/0"
    return f"redis://[{quote(bare, safe=':')}]:{port}/0"


def is_elsewhere(url: str) -> bool:
    """Whether a server may be on another machine: no Unix socket, no loopback name or address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    return parts.scheme != "unix" and not _is_loopback(unquote(parts.hostname or "localhost"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
