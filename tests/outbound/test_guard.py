"""No trick reaches an address that is not public: refused before a packet leaves.

The network of these tests records every connection that is asked for and refuses it, so no test
can reach a foreign address, whatever the guard does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.errors import SettingsError, TargetRefusedError, TargetUnreachableError
from ocr_api.outbound import (
    GuardedBackend,
    Outbound,
    OutboundLimits,
    check_target,
    find_refusal,
    parse_networks,
)

PUBLIC_V4 = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

LITERALS = {
    "loopback": "127.0.0.1",
    "loopback elsewhere": "127.255.255.254",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "hexadecimal parts": "0x7f.0x0.0x0.0x1",
    "octal": "0177.0.0.1",
    "octal in full": "017700000001",
    "short": "127.1",
    "very short": "0",
    "any address": "0.0.0.0",  # noqa: S104 - refused
    "trailing dot": "127.0.0.1.",
    "private 10": "10.0.0.1",
    "private 172": "172.31.255.255",
    "private 192": "192.168.1.1",
    "private in decimal": "3232235777",
    "CGNAT": "100.64.0.1",
    "CGNAT's end": "100.127.255.255",
    "link-local": "169.254.1.1",
    "cloud metadata": "169.254.169.254",
    "cloud metadata in decimal": "2852039166",
    "protocol assignments": "192.0.0.8",
    "documentation": "203.0.113.7",
    "benchmarks": "198.19.0.1",
    "6to4 relay": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback 6": "[::1]",
    "any address 6": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped in hex": "[::ffff:7f00:1]",
    "mapped metadata": "[::ffff:a9fe:a9fe]",
    "compatible": "[::127.0.0.1]",
    "translated": "[::ffff:0:127.0.0.1]",
    "NAT64": "[64:ff9b::7f00:1]",
    "NAT64 of metadata": "[64:ff9b::a9fe:a9fe]",
    "NAT64 of CGNAT": "[64:ff9b::6440:1]",
    "local NAT64": "[64:ff9b:1::5db8:d70e]",
    "6to4 of loopback": "[2002:7f00:1::]",
    "6to4 of a public address": "[2002:5db8:d70e::1]",
    "Teredo": "[2001:0:7f00:1::1]",
    "unique local": "[fd00::1]",
    "unique local, other half": "[fc00::1]",
    "link-local 6": "[fe80::1]",
    "site-local": "[fec0::1]",
    "multicast 6": "[ff02::1]",
    "documentation 6": "[2001:db8::1]",
    "new documentation 6": "[3fff::1]",
    "discard": "[100::1]",
}
"""What stands in the URL itself, however it is written."""

NAMES: dict[str, list[str]] = {
    "one private": ["10.0.0.1"],
    "public first, private second": [PUBLIC_V4, "10.0.0.1"],
    "private first, public second": ["192.168.0.1", PUBLIC_V4],
    "public 4, loopback 6": [PUBLIC_V4, "::1"],
    "link-local with a zone": ["fe80::1%eth0"],
    "mapped": ["::ffff:10.0.0.1"],
    "NAT64": ["64:ff9b::a00:1"],
    "CGNAT": ["100.100.100.200"],
    "6to4": ["2002:a00:1::"],
}
"""What a name may resolve to."""


class RecordingNetwork(httpcore.AsyncNetworkBackend):
    """Notes where a connection was wanted, and opens none."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - httpcore's signature
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Notes and refuses."""
        self.wanted.append((host, port))
        raise httpcore.ConnectError


class Resolver:
    """Answers with one list after the other, and counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        """Gives the next answer; the last one for ever."""
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@asynccontextmanager
async def guarded(
    network: RecordingNetwork, resolver: Resolver, *allowed: str
) -> AsyncIterator[Outbound]:
    limits = OutboundLimits(timeout_s=2, allowed=parse_networks(allowed))
    async with Outbound.open(limits, network=network, resolver=resolver) as outbound:
        yield outbound


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LITERALS.values(), ids=LITERALS.keys())
def test_address_in_the_url_is_refused_without_a_look_up(scheme: str, host: str) -> None:
    with pytest.raises(TargetRefusedError):
        check_target(f"{scheme}://{host}/hook")


@pytest.mark.anyio
@pytest.mark.parametrize("host", LITERALS.values(), ids=LITERALS.keys())
async def test_connector_refuses_an_address_by_itself(host: str) -> None:
    """The connector does not rely on the check of the URL."""
    network, resolver = RecordingNetwork(), Resolver([])
    backend = GuardedBackend(network, (), resolver)
    with pytest.raises(TargetRefusedError):
        await backend.connect_tcp(host.strip("[]"), 80)
    assert (network.wanted, resolver.asked) == ([], [])


@pytest.mark.anyio
@pytest.mark.parametrize("answers", NAMES.values(), ids=NAMES.keys())
async def test_name_with_any_refused_address_is_not_connected_to(answers: list[str]) -> None:
    network, resolver = RecordingNetwork(), Resolver(answers)
    async with guarded(network, resolver) as outbound:
        with pytest.raises(TargetRefusedError):
            await outbound.post("http://tricky.example/hook", {}, b"{}")
    assert network.wanted == []
    assert resolver.asked == ["tricky.example"]


@pytest.mark.anyio
async def test_rebinding_has_no_second_look_up_to_use() -> None:
    """The name is public when it is checked and private ever after: the first answer is used."""
    network, resolver = RecordingNetwork(), Resolver([PUBLIC_V4], ["127.0.0.1"])
    async with guarded(network, resolver) as outbound:
        with pytest.raises(TargetUnreachableError):
            await outbound.post("http://rebind.example/hook", {}, b"{}")
        assert resolver.asked == ["rebind.example"]
        assert network.wanted == [(PUBLIC_V4, 80)]
        with pytest.raises(TargetRefusedError):
            await outbound.post("http://rebind.example/hook", {}, b"{}")
    assert network.wanted == [(PUBLIC_V4, 80)]


@pytest.mark.anyio
async def test_public_name_is_connected_to_by_its_checked_addresses() -> None:
    network, resolver = RecordingNetwork(), Resolver([PUBLIC_V6, PUBLIC_V4])
    async with guarded(network, resolver) as outbound:
        with pytest.raises(TargetUnreachableError, match="No connection"):
            await outbound.post("https://fine.example:8443/hook?a=b#c", {}, b"{}")
    assert network.wanted == [(PUBLIC_V6, 8443), (PUBLIC_V4, 8443)]


@pytest.mark.anyio
async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://10.9.9.9:3128")
    network = RecordingNetwork()
    async with guarded(network, Resolver([PUBLIC_V4])) as outbound:
        with pytest.raises(TargetUnreachableError):
            await outbound.post("http://fine.example/", {}, b"{}")
    assert network.wanted == [(PUBLIC_V4, 80)]


@pytest.mark.anyio
async def test_allowed_network_is_reached_and_no_other() -> None:
    network = RecordingNetwork()
    async with guarded(network, Resolver(["10.1.2.3"], ["10.2.0.1"]), "10.1.0.0/16") as outbound:
        with pytest.raises(TargetUnreachableError):
            await outbound.post("http://inside.example/", {}, b"{}")
        with pytest.raises(TargetRefusedError, match="WEBHOOK_ALLOWED_NETWORKS"):
            await outbound.post("http://inside.example/", {}, b"{}")
    assert network.wanted == [("10.1.2.3", 80)]


@pytest.mark.anyio
async def test_name_without_an_address_is_unreachable() -> None:
    network = RecordingNetwork()
    async with guarded(network, Resolver([])) as outbound:
        with pytest.raises(TargetUnreachableError, match="No address"):
            await outbound.post("http://nowhere.example/", {}, b"{}")
    assert network.wanted == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "unix:///run/docker.sock",
        "//example.com/",
        "example.com/hook",
        "http://",
        "http:///path",
        "http://user:secret@example.com/",
        "http://public.example@127.0.0.1/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://api.localhost:8000/",
        "http://example.com:22/",
        "http://example.com:25/",
        "http://example.com:6379/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com /",
        "http://example.com/\r\nX: y",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.com/" + "a" * 2048,
    ],
)
def test_url_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(TargetRefusedError):
        check_target(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Example.COM", "https://example.com"),
        ("http://example.com:80/a?b=c#d", "http://example.com/a?b=c"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        (f"http://{PUBLIC_V4}/", f"http://{PUBLIC_V4}/"),
        (f"http://[{PUBLIC_V6}]:8080/", f"http://[{PUBLIC_V6}]:8080/"),
        ("http://[64:ff9b::5db8:d70e]/", "http://[64:ff9b::5db8:d70e]/"),
    ],
)
def test_public_url_is_taken_in_its_normal_form(url: str, normal: str) -> None:
    assert str(check_target(url)) == normal


def test_localhost_is_allowed_with_its_network() -> None:
    networks = parse_networks(["127.0.0.0/8"])
    assert check_target("http://localhost:8000/", networks).host == "localhost"
    assert check_target("http://[::ffff:127.0.0.1]:8000/", networks).port == 8000
    with pytest.raises(TargetRefusedError):
        check_target("http://[::1]:8000/", networks)


def test_no_network_is_told_clearly() -> None:
    with pytest.raises(SettingsError, match="inside"):
        parse_networks(["10.0.0.0/8", "inside"])


@given(st.ip_addresses(v=4))
def test_no_refused_ipv4_address_passes_in_ipv6_dress(address: IPv4Address) -> None:
    """What Python itself calls not global is refused, and so is every address that wraps it."""
    if not address.is_global or address.is_multicast:
        assert find_refusal(address) is not None
    if find_refusal(address) is not None:
        packed = int(address)
        for prefix, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("::", 0), ("2002::", 80)):
            wrapped = IPv6Address(int(IPv6Address(prefix)) | packed << shift)
            assert find_refusal(wrapped) is not None, wrapped


@given(st.ip_addresses(v=6))
def test_ipv6_address_is_public_or_refused(address: IPv6Address) -> None:
    if find_refusal(address) is None and address not in ip_network("64:ff9b::/96"):
        inner = address.ipv4_mapped
        assert (inner or address).is_global


@given(st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_every_spelling_of_a_private_address_is_refused(address: IPv4Address) -> None:
    number = int(address)
    last = number & 0xFFFFFF
    for spelling in (str(number), hex(number), oct(number).replace("o", ""), f"10.{last}"):
        with pytest.raises(TargetRefusedError):
            check_target(f"http://{spelling}/")
    assert find_refusal(ip_address(number), parse_networks(["10.0.0.0/8"])) is None
