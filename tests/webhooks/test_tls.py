"""Receivers behind TLS: the name is checked, though the connection goes to a checked address."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ocr_api.errors import TargetUnreachableError
from ocr_api.outbound import Outbound, OutboundLimits, parse_networks
from tests.webhooks.receiving import receiver

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl"),
]

NAME = "receiver.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own authority for `receiver.example`, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", "key.pem", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return both


async def resolve_to_loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def limits() -> OutboundLimits:
    return OutboundLimits(timeout_s=5, allowed=parse_networks(["127.0.0.0/8"]))


async def test_name_is_asked_for_and_verified(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiver(tmp_path / "got.jsonl", 0, certificate) as receiving:
        async with Outbound.open(limits(), resolver=resolve_to_loopback) as outbound:
            url = f"https://{NAME}:{receiving.port}/ok"
            assert (await outbound.post(url, {}, b"{}")).status == 200
            with pytest.raises(TargetUnreachableError, match="certificate"):
                await outbound.post(url.replace(NAME, "other.example"), {}, b"{}")
        (got,) = receiving.got()
    assert got.asked_for == NAME
    assert got.headers["host"] == f"{NAME}:{receiving.port}"


async def test_certificate_of_an_unknown_authority_is_not_accepted(
    certificate: Path, tmp_path: Path
) -> None:
    with receiver(tmp_path / "got.jsonl", 0, certificate) as receiving:
        async with Outbound.open(limits(), resolver=resolve_to_loopback) as outbound:
            with pytest.raises(TargetUnreachableError, match="certificate"):
                await outbound.post(f"https://{NAME}:{receiving.port}/ok", {}, b"{}")
        assert receiving.got() == []
