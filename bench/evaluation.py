"""The evaluation pages: which languages stand on each, and how a reading of it is scored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.scoring import Normalisation, character_error_rate

FOLDER = Path(__file__).parent.parent / "eval" / "pages"
LANGUAGES = ("ara", "eng", "fra", "chi_sim")
"""Tesseract's names of all languages on the pages."""

_PAGE_WIDTH_IN = 8.27
_GROUPS = {"latin": "Latin", "han": "Chinese", "arabic": "Arabic", "mixed": "Arabic with English"}
_LANGUAGES = {
    "latin-en": ("eng",),
    "latin-fr": ("fra",),
    "han": ("chi_sim",),
    "mixed": ("ara", "eng"),
}


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """A page and what stands on it.

    Attributes:
        path: The picture.
        text: What stands on it.
        script: As in the manifest: `arabic`, `arabic-digits`, `mixed`, `latin-en`, `han`, …
        dpi: Pixels per inch.
    """

    path: Path
    text: str
    script: str
    dpi: int

    @property
    def group(self) -> str:
        """Its script, for people."""
        return _GROUPS[self.script.partition("-")[0]]

    @property
    def languages(self) -> tuple[str, ...]:
        """Tesseract's names of the languages on it."""
        return _LANGUAGES.get(self.script, ("ara",))

    def error_rate(self, read: str) -> float:
        """Character error rate: `ar-bare` for Arabic and mixed pages, `std` for the others."""
        rules: Normalisation = "ar-bare" if self.group.startswith("Arabic") else "std"
        return round(character_error_rate(self.text, read, rules), 4)


def evaluation_pages(most: int) -> Sequence[EvaluationPage]:
    """Gives the first pages of the manifest."""
    entries: list[dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text())
    return [_page(entry) for entry in entries[:most]]


def _page(entry: Mapping[str, Any]) -> EvaluationPage:
    dpi = round(max(entry["width"], entry["height"]) / _PAGE_WIDTH_IN)
    return EvaluationPage(FOLDER / entry["file"], entry["text"], entry["script"], dpi)
