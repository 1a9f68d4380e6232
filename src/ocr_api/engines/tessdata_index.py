"""Finds the language data that Tesseract can use: shipped with the package or installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SHIPPED_DIR = Path(__file__).parent / "tessdata"
SUFFIX = ".traineddata"
_SYSTEM_GLOBS = (
    "/usr/share/tesseract-ocr/*/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)
_NO_LANGUAGES = frozenset(("osd", "equ", "snum"))

Origin = Literal["configured", "shipped", "environment", "system"]


@dataclass(frozen=True, slots=True)
class LanguageData:
    """One `.traineddata` file.

    Attributes:
        code: Tesseract's name, mostly ISO 639-3, e.g. `"ara"` or `"chi_sim"`.
        path: The file.
        origin: Why it was found: named in the settings, part of this package,
            `TESSDATA_PREFIX`, or an installed Tesseract.
    """

    code: str
    path: Path
    origin: Origin


def find_languages(
    configured: Iterable[Path] = (),
    *,
    environ: Mapping[str, str],
    with_system: bool = True,
) -> dict[str, LanguageData]:
    """Gives every language that can be read here, by code; blocking, looks at folders only.

    The first folder that has a language wins: configured, shipped, `TESSDATA_PREFIX`, system.

    Args:
        configured: Folders that the operator named.
        environ: Where `TESSDATA_PREFIX` is looked up.
        with_system: Whether folders of an installed Tesseract are looked at.
    """
    found: dict[str, LanguageData] = {}
    for origin, folder in _folders(configured, environ, with_system=with_system):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            code = path.name.removesuffix(SUFFIX)
            if code not in _NO_LANGUAGES and path.is_file():
                found.setdefault(code, LanguageData(code, path, origin))
    return found


def _folders(
    configured: Iterable[Path], environ: Mapping[str, str], *, with_system: bool
) -> Iterable[tuple[Origin, Path]]:
    for folder in configured:
        yield "configured", folder
    yield "shipped", SHIPPED_DIR
    prefix = environ.get("TESSDATA_PREFIX")
    if prefix:
        yield "environment", Path(prefix)
        yield "environment", Path(prefix) / "tessdata"
    if with_system:
        for folder in _system_folders():
            yield "system", folder


def _system_folders() -> Iterable[Path]:
    for pattern in _SYSTEM_GLOBS:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
    command = shutil.which("tesseract")
    if command is not None:
        yield Path(command).resolve().parent.parent / "share" / "tessdata"
