"""The page at `/` and the reference at `/docs`: static files that speak the public API only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served."""

    content: bytes
    media_type: str


def load_static_files() -> Mapping[str, StaticFile]:
    """Gives all files by name; blocking (a few small reads)."""
    folder = resources.files("ocr_api.web").joinpath("static")
    found = {
        entry.name: StaticFile(entry.read_bytes(), _MEDIA_TYPES[suffix])
        for entry in folder.iterdir()
        if (suffix := entry.name[entry.name.rfind(".") :]) in _MEDIA_TYPES
    }
    return MappingProxyType(found)
