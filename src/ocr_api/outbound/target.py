"""Where a request may go, as far as the address alone tells: pure, no look-up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import httpx

from ocr_api.errors import TargetRefusedError
from ocr_api.outbound.addresses import Network, find_refusal, literal_address

LONGEST_URL = 2048
"""Characters; more than receivers need, and few enough to keep with a job."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_BAD_PORTS = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161),
        *(179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563),
        *(587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060),
        *(5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211),
    }
)
"""Ports of other protocols: the Fetch standard's list (section "Port blocking"), and 6379 and
11211, whose servers take commands out of HTTP bodies."""

_LONGEST_NAME = 253
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}", re.IGNORECASE)
"""A name in the Domain Name System (RFC 1035, 2.3.4), underscores included."""

_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


def check_target(url: str, allowed: Sequence[Network] = ()) -> httpx.URL:
    """Gives a URL in its normal form, without its fragment.

    Args:
        url: As the caller wrote it.
        allowed: Networks that may be reached although they are not public.

    Raises:
        TargetRefusedError: It is no http(s) URL, or names a place that is never reached. A name
            that needs a look-up passes: its addresses are checked when it is connected to.
    """
    if len(url) > LONGEST_URL:
        msg = f"The URL has more than {LONGEST_URL} characters."
        raise TargetRefusedError(msg)
    parsed = _parsed(url)
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise TargetRefusedError("The URL must begin with http:// or https:// and name a host.")
    if parsed.userinfo:
        raise TargetRefusedError("The URL must not hold a user name or a password.")
    _check_port(_DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port)
    _check_host(parsed.host, allowed)
    return parsed.copy_with(fragment=None)


def refuse_address(host: str, why: str) -> TargetRefusedError:
    """Gives the error for a host one of whose addresses is not reached."""
    return TargetRefusedError(
        f"'{host}' is refused: its address is {why}. An operator can allow networks with "
        "WEBHOOK_ALLOWED_NETWORKS."
    )


def _parsed(url: str) -> httpx.URL:
    if not url.isprintable() or " " in url or "\\" in url:
        raise TargetRefusedError("The URL holds characters that no URL has.")
    try:
        parsed = httpx.URL(url)
        _ = parsed.host  # decoded here, where a name that IDNA forbids (xn--a-ecp) is told
    except (httpx.InvalidURL, ValueError) as exc:
        raise TargetRefusedError("The URL cannot be understood.") from exc
    return parsed


def _check_port(port: int) -> None:
    if port in _BAD_PORTS or not 0 < port < 2**16:
        msg = f"Port {port} is refused: it belongs to another protocol."
        raise TargetRefusedError(msg)


def _check_host(host: str, allowed: Sequence[Network]) -> None:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        if all(find_refusal(address, allowed) is not None for address in _LOOPBACK):
            raise refuse_address(host, "loopback")
        return
    address = literal_address(host)
    if address is None:
        _check_name(name)
    elif (why := find_refusal(address, allowed)) is not None:
        raise refuse_address(host, why)


def _check_name(name: str) -> None:
    """Refuses what no look-up could find; some of it makes the look-up itself fail."""
    try:
        encoded = name if name.isascii() else httpx.URL(f"http://{name}/").raw_host.decode()
    except (httpx.InvalidURL, ValueError) as exc:
        raise TargetRefusedError("The URL's host is no name.") from exc
    if len(encoded) > _LONGEST_NAME or not _NAME.fullmatch(encoded):
        raise TargetRefusedError("The URL's host is no name that can be looked up.")
