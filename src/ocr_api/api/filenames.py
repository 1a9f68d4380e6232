"""Names of uploaded files: shown to people, never used as paths."""

from __future__ import annotations

import re
import unicodedata

_MAX_CHARS = 255
_SEPARATORS = re.compile(r"[/\\]")
_WHITE_SPACE = re.compile(r"\s+")
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_filename(name: str | None) -> str | None:
    """Gives a name fit for display; None where nothing is left of it.

    Only what follows the last `/` or backslash stays; control, format (bidi controls among them),
    surrogate and unassigned characters go; at most 255 characters stay, the extension kept.
    Idempotent.
    """
    if name is None:
        return None
    base = _SEPARATORS.split(name)[-1]
    spaced = _WHITE_SPACE.sub(" ", base)
    visible = "".join(char for char in spaced if unicodedata.category(char) not in _UNWANTED)
    cleaned = _shortened(_WHITE_SPACE.sub(" ", visible).strip())
    return cleaned if cleaned.strip(" .") else None


def _shortened(name: str) -> str:
    if len(name) <= _MAX_CHARS:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        return name[:_MAX_CHARS].strip()
    return stem[: _MAX_CHARS - len(extension) - 1].strip() + dot + extension
