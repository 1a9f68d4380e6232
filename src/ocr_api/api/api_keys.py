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
                names. The message tells an entry by its place: what it holds may be a key.
        """
        names: dict[bytes, str] = {}
        for place, entry in enumerate(entries, start=1):
            name, _, key = entry.partition(":")
            _check(place, name, key)
            if names.setdefault(_digest(key), name) != name:
                msg = f"API_KEYS, entry {place}: another name has this key; give it its own."
                raise SettingsError(msg)
        return cls(names)

    @property
    def is_open(self) -> bool:
        """Nobody is asked for a key."""
        return not self.names

    def name_of(self, key: str) -> str | None:
        """Gives the name of a key; None = it is unknown."""
        return self.names.get(_digest(key))


def check_key(key: str, whose: str) -> None:
    """Refuses what is no key, without telling it.

    Raises:
        SettingsError: It is too short, too long, or has other characters; `whose` begins the
            message.
    """
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY or not re.fullmatch(r"[!-~]+", key):
        msg = (
            f"{whose}: a key is {SHORTEST_KEY} to {LONGEST_KEY} printable ASCII characters without "
            f"spaces; {_EXAMPLE}."
        )
        raise SettingsError(msg)


def _check(place: int, name: str, key: str) -> None:
    if not key or not _NAME.fullmatch(name):
        msg = (
            f"API_KEYS, entry {place}: each is <name>:<key>, with commas between them; the name is "
            "1 to 64 letters, digits, `.`, `_` or `-`, a letter or digit first."
        )
        raise SettingsError(msg)
    check_key(key, f"API_KEYS, entry {place}")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
