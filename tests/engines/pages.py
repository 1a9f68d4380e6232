"""Pages for tests: evaluation pages, drawn pages, turned and worn ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ocr_api.pages import PageImage, PixelMode

PAGES_DIR = Path(__file__).parents[2] / "eval" / "pages"

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EvalPage:
    """One evaluation page with the text that is on it."""

    name: str
    text: str
    is_arabic: bool

    def pixels(self) -> Pixels:
        """Grey pixels, as they lie in the file."""
        with Image.open(PAGES_DIR / self.name) as image:
            return np.asarray(image.convert("L"), dtype=np.uint8)


def eval_page(number: str) -> EvalPage:
    """The evaluation page whose file name starts with this number."""
    rows = json.loads((PAGES_DIR / "manifest.json").read_text("utf-8"))
    row = next(row for row in rows if row["file"].startswith(f"{number}_"))
    return EvalPage(row["file"], row["text"], row["script"].startswith(("arabic", "mixed")))


def page_of(pixels: Pixels) -> PageImage:
    """A page image of grey or RGB pixels."""
    rows = np.ascontiguousarray(pixels)
    mode: PixelMode = "RGB" if rows.ndim == 3 else "L"
    return PageImage(rows.shape[1], rows.shape[0], mode, rows.reshape(-1).data)


def blank(width_px: int = 400, height_px: int = 300, level: int = 255) -> Pixels:
    """An evenly coloured page."""
    return np.full((height_px, width_px), level, np.uint8)


def written(*rows: str, width_px: int = 1200, scale: float = 1.4) -> Pixels:
    """A page with rows of Latin text in OpenCV's own plain font, one below the other."""
    page = blank(width_px, 120 + 70 * len(rows))
    for number, row in enumerate(rows):
        at = (60, 110 + 70 * number)
        cv2.putText(page, row, at, cv2.FONT_HERSHEY_DUPLEX, scale, (0,), 2, cv2.LINE_AA)
    return page


def turned(pixels: Pixels, clockwise_deg: float) -> Pixels:
    """The page turned by a small angle, larger so that no corner is lost."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -clockwise_deg, 1.0)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (round(width * cosine + height * sine), round(width * sine + height * cosine))
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(pixels, matrix, size, borderValue=(255,) * 3), np.uint8)


def photographed(pixels: Pixels) -> Pixels:
    """The page under a strong shadow, slightly askew, blurred, and saved as a poor JPEG."""
    height, width = pixels.shape[:2]
    askew = turned(pixels, 1.5)
    height, width = askew.shape[:2]
    across, down = np.linspace(0, 1, width)[None], np.linspace(0, 1, height)[:, None]
    light = 0.35 + 0.65 / (1 + np.exp(-12 * (across + 0.4 * down - 0.6)))
    dim = cv2.GaussianBlur((askew * light).astype(np.uint8), (0, 0), 1.0)
    _, jpeg = cv2.imencode(".jpg", dim, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


def scaled(pixels: Pixels, factor: float) -> Pixels:
    """The page scanned at another resolution."""
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=method), np.uint8
    )


def noise(width_px: int, height_px: int) -> Pixels:
    """Nothing but noise, the same each time."""
    return np.random.default_rng(7).integers(0, 256, (height_px, width_px), np.uint8)
