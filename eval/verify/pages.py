"""The pages that a model is held against, and which of them count for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from eval.scoring import Normalisation
from ocr_api.catalog import ModelSpec
from ocr_api.errors import SettingsError

OWN = Path(__file__).parents[1] / "pages"
MANIFEST = "manifest.json"
_LANGUAGES = {"arabic": "ar", "mixed": "ar", "han": "zh", "japanese": "ja"}
_BARE = frozenset(("arabic", "mixed"))


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what stands on it.

    Attributes:
        file: Relative to the manifest.
        text: What stands on it, in logical order.
        script: `arabic`, `mixed`, `han`, `latin-en` …: a script, and behind a dash a language or
            what is special.
        models: Ids of the models that it counts for; empty = those that know its language.
    """

    file: str
    text: str
    script: str
    models: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        """ISO 639-1 code of its main language."""
        script, _, rest = self.script.partition("-")
        return _LANGUAGES.get(script) or rest or "en"

    @property
    def rules(self) -> Normalisation:
        """How its text is compared."""
        return "ar-bare" if self.script.partition("-")[0] in _BARE else "std"

    def counts_for(self, spec: ModelSpec) -> bool:
        """Tells whether a model must be able to read it."""
        if self.models:
            return spec.id in self.models
        return not spec.languages or self.language in spec.languages


@dataclass(frozen=True, slots=True)
class Manifest:
    """Pages in a folder."""

    folder: Path
    pages: tuple[Page, ...]


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest: a JSON list of pages.

    Args:
        path: The file, or the folder that holds it as `manifest.json`.

    Raises:
        SettingsError: It cannot be read or understood.
    """
    file = path / MANIFEST if path.is_dir() else path
    try:
        pages = TypeAdapter(tuple[Page, ...]).validate_json(file.read_bytes())
    except (OSError, ValidationError) as exc:
        msg = f"{file} cannot be read: write a list of pages, each with file, text and script."
        raise SettingsError(msg) from exc
    return Manifest(file.parent, pages)


def wanted_pages(manifest: Manifest, spec: ModelSpec) -> Sequence[Page]:
    """Gives the pages that a model reads: those that name it or no model."""
    return [page for page in manifest.pages if not page.models or spec.id in page.models]
