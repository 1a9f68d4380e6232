"""API keys: read from the settings, and told apart by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ocr_api.errors import SettingsError

SHORTEST_KEY = 16
LONGEST_KEY = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_EXAMPLE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys of which callers must show one.

    Attributes:
        names: Names of the keys by their digest, so that looking one up tells nothing of the others
            by the time it takes; empty = the service is open to everybody.
    """

    names: Mapping[bytes, str] = field(default_factory=dict[bytes, str], repr=False)

    @classmethod
    def parse(cls, entries: Iterable[str]) -> ApiKeys:
        """Gives the keys of entries such as `archive:0dQ8…`; a name may have several keys.

        Raises:
            SettingsError: A name or a key is malformed, too short or too long, or stands for two
                names. No key is told.
        """
        names: dict[bytes, str] = {}
        for entry in entries:
            name, _, key = entry.partition(":")
            _check(name, key)
            if names.setdefault(_digest(key), name) != name:
                msg = f"API_KEYS: {name} has the key of {names[_digest(key)]}; give it its own."
                raise SettingsError(msg)
        return cls(names)

    @property
    def is_open(self) -> bool:
        """Nobody is asked for a key."""
        return not self.names

    def name_of(self, key: str) -> str | None:
        """Gives the name of a key; None = it is unknown."""
        return self.names.get(_digest(key))


def _check(name: str, key: str) -> None:
    if not _NAME.fullmatch(name):
        msg = "API_KEYS: each is <name>:<key>, the name 1 to 64 letters, digits, `.`, `_` or `-`."
        raise SettingsError(msg)
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY or not re.fullmatch(r"[!-~]+", key):
        msg = (
            f"API_KEYS: the key of {name} must be {SHORTEST_KEY} to {LONGEST_KEY} printable ASCII "
            f"characters without spaces; {_EXAMPLE}."
        )
        raise SettingsError(msg)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
