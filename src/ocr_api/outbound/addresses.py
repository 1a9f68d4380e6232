"""Which IP addresses may be reached: pure, and refusing what it does not know.

The tables are those of the IANA special-purpose address registries (RFC 6890 and its updates),
written out here because `ipaddress` answers differently from one version of Python to the next.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from ocr_api.errors import SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED_V4 = (
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by carriers (CGNAT)"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_REFUSED_V6 = (
    ("2001::/23", "reserved for protocols, Teredo among them"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "a 6to4 tunnel"),
    ("2620:4f:8000::/48", "reserved for protocols"),
    ("3fff::/20", "for documentation"),
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is given out for public use; loopback, ULA, link-local, multicast,
IPv4-compatible and local NAT64 addresses all lie outside."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address behind a translator; what counts is the address inside."""


def find_refusal(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Says why an address is not reached; None = it may be.

    Args:
        address: As resolved; what it wraps (IPv4-mapped, NAT64) is looked at instead.
        allowed: Networks that the operator allows although they are not public.
    """
    found = _unwrapped(address)
    if any(found in network for network in allowed if network.version == found.version):
        return None
    if isinstance(found, IPv4Address):
        return _first(found, _REFUSED_V4)
    if found not in _GLOBAL_V6:
        return "not public"
    return _first(found, _REFUSED_V6)


def literal_address(host: str) -> Address | None:
    """Gives the address that a host name is, in any spelling; None for a name that needs DNS.

    The C library reads `2130706433`, `0x7f.1`, `0177.0.0.1` and `127.1` as 127.0.0.1, and so
    does this.
    """
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return ip_address(bare)
    except ValueError:
        pass
    if not bare or set(bare.lower()) - set("0123456789abcdefx."):
        return None
    try:
        return IPv4Address(socket.inet_aton(bare))
    except OSError:
        return None


def parse_networks(listed: Iterable[str]) -> tuple[Network, ...]:
    """Gives networks written as CIDR.

    Raises:
        SettingsError: One is none; it is named.
    """
    return tuple(_network(text) for text in listed)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as exc:
        msg = f"'{text}' is no network such as 10.0.0.0/8 or fd00::/8."
        raise SettingsError(msg) from exc


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(address.packed[-4:])
    return address


def _first(address: Address, table: Iterable[tuple[str, str]]) -> str | None:
    return next((why for text, why in table if address in ip_network(text)), None)
