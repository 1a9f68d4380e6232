"""Signatures agree with the specification's reference library, and bad secrets stop the start."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from ocr_api.errors import SettingsError
from ocr_api.webhooks.signing import Signer, read_secrets
from tests.webhooks.conftest import SECRET


def encoded(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def test_example_of_the_specification_is_met() -> None:
    """The example of standard-webhooks.md, "Verifying signatures"."""
    body = b'{"test": 2432232314}'
    headers = read_secrets(SECRET).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(
    keys=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3),
    body=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_every_key_verifies_with_the_reference_library(keys: list[bytes], body: str) -> None:
    secrets = [encoded(key) for key in keys]
    sent = body.encode()
    headers = read_secrets(" ".join(secrets)).headers("msg_1", time.time(), sent)
    for secret in secrets:
        Webhook(secret).verify(sent, headers, json_parse=False)


def test_without_a_secret_nothing_is_signed() -> None:
    for nothing in (None, "", "  "):
        signer = read_secrets(nothing)
        assert not signer.is_signing
        assert set(signer.headers("msg_1", 1.0, b"")) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_short",
        "whsec_not base64!",
        "whsec_" + "é" * 40,
        base64.b64encode(b"k" * 32).decode(),
        encoded(b"k" * 23),
        encoded(b"k" * 65),
        f"{SECRET} whsec_x",
    ],
)
def test_bad_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET") as refused:
        read_secrets(secret)
    shown = refused.value.detail.replace("whsec_", "")
    assert not [part for part in secret.split() if len(part) > 15 and part[6:] in shown]


def test_keys_are_not_shown_by_accident() -> None:
    assert repr(Signer((b"k" * 32,))) == "Signer()"
