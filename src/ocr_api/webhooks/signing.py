"""Signatures after Standard Webhooks 1.0.0, symmetric scheme `v1` (HMAC-SHA256)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocr_api.errors import SettingsError

_PREFIX = "whsec_"
_FEWEST_BYTES = 24
_MOST_BYTES = 64


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one key, or with several while they are rotated.

    Attributes:
        keys: Secret bytes; none = nothing is signed. Not shown by `repr`.
    """

    keys: Sequence[bytes] = field(default=(), repr=False)

    @property
    def is_signing(self) -> bool:
        """Whether there is a key."""
        return bool(self.keys)

    def headers(self, message_id: str, at: float, body: bytes) -> dict[str, str]:
        """Gives the headers of a message.

        Args:
            message_id: The same for every try.
            at: When it is sent, seconds since the epoch; receivers refuse old ones.
            body: Exactly as it is sent.
        """
        stamp = str(int(at))
        signed = f"{message_id}.{stamp}.".encode() + body
        found = {"webhook-id": message_id, "webhook-timestamp": stamp}
        if self.keys:
            found["webhook-signature"] = " ".join(_signature(key, signed) for key in self.keys)
        return found


def read_secrets(text: str | None) -> Signer:
    """Gives the signer that WEBHOOK_SECRET describes; without it nothing is signed.

    Raises:
        SettingsError: A secret is not `whsec_` and base64 of 24 to 64 bytes. It is not shown.
    """
    return Signer(tuple(_key(secret) for secret in (text or "").split()))


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if encoded == secret or not _FEWEST_BYTES <= len(found) <= _MOST_BYTES:
        msg = (
            f"WEBHOOK_SECRET: a secret must be {_PREFIX} and base64 of {_FEWEST_BYTES} to "
            f"{_MOST_BYTES} random bytes; several are separated by spaces. Make one with: "
            'echo "whsec_$(head -c 32 /dev/urandom | base64)"'
        )
        raise SettingsError(msg)
    return found


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
