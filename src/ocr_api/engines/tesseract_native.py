"""The one place that calls tesserocr: pixels and languages in, TSV or orientation out."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tesserocr  # type: ignore[import-untyped]

from ocr_api.engines.ink import Grey
from ocr_api.engines.tessdata_index import SHIPPED_DIR, SUFFIX, LanguageData
from ocr_api.errors import EngineError, ModelLoadError

PAGE_SEGMENTATION_AUTO = int(tesserocr.PSM.AUTO)
PAGE_SEGMENTATION_SPARSE = int(tesserocr.PSM.SPARSE_TEXT)
PAGE_SEGMENTATION_ONE_LINE = int(tesserocr.PSM.SINGLE_LINE)
PAGE_SEGMENTATION_ONE_BLOCK = int(tesserocr.PSM.SINGLE_BLOCK)
_WORD = tesserocr.RIL.WORD
_ASSUMED_DPI = 300
_MAX_LOADED = 4
_CHARACTERS_TO_TRY = ("50", "12")
"""Tesseract's own number first (sharper margins), then fewer for pages with little writing."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """What Tesseract's orientation and script detection says of a page.

    Attributes:
        clockwise_deg: Quarter turns that bring the page upright: 0, 90, 180 or 270.
        confidence: Log-likelihood margin over the next best orientation; about 2 = doubtful,
            10 = sure.
        script: Name as in Tesseract, e.g. `"Arabic"`, `"Latin"`, `"Han"`.
        script_confidence: Margin over the next best script.
    """

    clockwise_deg: int
    confidence: float
    script: str
    script_confidence: float


@dataclass(frozen=True, slots=True)
class NativeText:
    """What Tesseract read.

    Attributes:
        tsv: Its TSV without heading; boxes in pixels of what was read.
        is_spaced: Of each word (level 5) of the TSV in turn, whether Tesseract saw a space to the
            left of it. It divides scripts without spaces into words too, and only here tells so.
    """

    tsv: str
    is_spaced: tuple[bool, ...] = ()


class NativeReader:
    """Reads pages with any of the languages found; keeps the latest few in memory.

    Blocking, one thread at a time. Close it to free the models.
    """

    def __init__(self, languages: Mapping[str, LanguageData], *, timeout_s: float = 60.0) -> None:
        self._languages = languages
        self._timeout_ms = round(timeout_s * 1000)
        self._loaded: OrderedDict[str, Any] = OrderedDict()
        self._linked: Path | None = None

    def load(self, languages: str) -> None:
        """Brings languages (`"ara"`, `"eng+fra"`) into memory.

        Raises:
            ModelLoadError: A language has no data, or its data cannot be used.
        """
        if languages in self._loaded:
            self._loaded.move_to_end(languages)
            return
        folder = self._folder_of(tuple(languages.split("+")))
        self._loaded[languages] = _open_api(folder, languages)
        while len(self._loaded) > _MAX_LOADED:
            _, oldest = self._loaded.popitem(last=False)
            oldest.End()

    def read(self, grey: Grey, languages: str, *, segmentation: int) -> NativeText:
        """Reads a page; boxes in pixels of `grey`.

        Raises:
            EngineError: Tesseract failed or took longer than the time limit.
        """
        self.load(languages)
        api = self._loaded[languages]
        api.SetPageSegMode(segmentation)
        _set_image(api, grey)
        try:
            if not api.Recognize(self._timeout_ms):
                raise EngineError("Tesseract gave up on the page; try another model.")
            return NativeText(str(api.GetTSVText(0)), tuple(_spaces(api)))
        except RuntimeError as exc:
            raise EngineError("Tesseract failed on the page; try another model.") from exc
        finally:
            api.Clear()

    def close(self) -> None:
        """Frees all models; may be called twice."""
        while self._loaded:
            self._loaded.popitem()[1].End()
        if self._linked is not None:
            shutil.rmtree(self._linked, ignore_errors=True)
            self._linked = None

    def _folder_of(self, codes: tuple[str, ...]) -> Path:
        """Gives one folder that has all these languages: Tesseract looks into one only."""
        missing = [code for code in codes if code not in self._languages]
        if missing:
            msg = f"No Tesseract data for {', '.join(missing)}."
            raise ModelLoadError(msg)
        folders = {self._languages[code].path.parent for code in codes}
        return folders.pop() if len(folders) == 1 else self._link_all()

    def _link_all(self) -> Path:
        if self._linked is None:
            self._linked = Path(tempfile.mkdtemp(prefix="ocr-api-tessdata-"))
            for code, data in self._languages.items():
                (self._linked / f"{code}{SUFFIX}").symlink_to(data.path.resolve())
        return self._linked


class OrientationDetector:
    """Tells how a page lies and in which script it is written. Blocking; close it."""

    def __init__(self) -> None:
        self._api: Any = _open_api(SHIPPED_DIR, "osd", segmentation=int(tesserocr.PSM.OSD_ONLY))

    def detect(self, grey: Grey) -> Orientation | None:
        """Gives orientation and script, None where there is too little writing to tell."""
        found = next(filter(None, (self._try(grey, least) for least in _CHARACTERS_TO_TRY)), None)
        if found is None:
            return None
        return Orientation(
            clockwise_deg=(360 - int(found["orient_deg"])) % 360,
            confidence=float(found["orient_conf"]),
            script=str(found["script_name"]),
            script_confidence=float(found["script_conf"]),
        )

    def _try(self, grey: Grey, characters: str) -> dict[str, Any] | None:
        self._api.SetVariable("min_characters_to_try", characters)
        _set_image(self._api, grey)
        found: dict[str, Any] | None = self._api.DetectOrientationScript()
        self._api.Clear()
        return found

    def close(self) -> None:
        """Frees the model; may be called twice."""
        if self._api is not None:
            self._api.End()
            self._api = None


def _open_api(
    folder: Path,
    languages: str,
    *,
    segmentation: int = PAGE_SEGMENTATION_AUTO,
) -> Any:
    # The parent that starts the child sets OMP_THREAD_LIMIT=1; this covers a bare call, for
    # builds of Tesseract with OpenMP (the wheel's has none).
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    try:
        return tesserocr.PyTessBaseAPI(
            path=f"{folder}{os.sep}",
            lang=languages,
            psm=segmentation,  # pyright: ignore[reportArgumentType]
            variables={"debug_file": os.devnull},
        )
    except RuntimeError as exc:
        msg = f"Tesseract cannot load {languages} from {folder}."
        raise ModelLoadError(msg) from exc


def _spaces(api: Any) -> Iterator[bool]:
    """Yields of each word whether it has a space to its left, in the order of the TSV."""
    word = api.GetIterator()
    has_more = word is not None
    while has_more:
        if not word.Empty(_WORD):
            yield word.BlanksBeforeWord() > 0
        has_more = word.Next(_WORD)


def _set_image(api: Any, grey: Grey) -> None:
    height, width = grey.shape[:2]
    api.SetImageBytes(grey.tobytes(), width, height, 1, width)
    api.SetSourceResolution(_ASSUMED_DPI)
