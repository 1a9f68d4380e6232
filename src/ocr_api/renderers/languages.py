"""Languages and scripts as BCP 47 tags: what is known is told, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping

from ocr_api.jobs import PageResult
from ocr_api.pages import Script

_ISO_15924: Mapping[Script, str] = {
    Script.ARABIC: "Arab",
    Script.LATIN: "Latn",
    Script.HAN: "Hani",
    Script.JAPANESE: "Jpan",
    Script.HANGUL: "Hang",
    Script.CYRILLIC: "Cyrl",
    Script.GREEK: "Grek",
    Script.HEBREW: "Hebr",
}


def language_tag(code: str) -> str:
    """Gives a language code that a caller named as a tag, e.g. `zh-Hant` of `zh_Hant`."""
    return code.replace("_", "-")


def page_language(languages: tuple[str, ...], page: PageResult) -> str | None:
    """Gives the tag of a page's language; None where nothing is known.

    It is the language where the caller named a single one. Otherwise the script that was seen is
    told alone, as `und-Arab` (undetermined, in Arabic script): a script is no language.
    """
    if len(languages) == 1:
        return language_tag(languages[0])
    scripts = () if page.traits is None else page.traits.scripts
    script = _ISO_15924.get(scripts[0]) if scripts else None
    return None if script is None else f"und-{script}"
