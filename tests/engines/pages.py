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


def first_row(pixels: Pixels) -> Pixels:
    """The first line of writing on the page, cut out with a small margin."""
    rows = np.flatnonzero((pixels < 128).any(axis=1))
    gaps = np.flatnonzero(np.diff(rows) > 12)
    bottom = rows[gaps[0]] if len(gaps) else rows[-1]
    return pixels[max(0, rows[0] - 10) : bottom + 12]


def side_by_side(*columns: Pixels, heading: Pixels) -> Pixels:
    """A page with a heading in the middle and columns under it, from left to right."""
    height = max(column.shape[0] for column in columns)
    padded = [
        np.pad(column, ((0, height - len(column)), (0, 0)), constant_values=255)
        for column in columns
    ]
    body = np.hstack(padded)
    free = body.shape[1] - heading.shape[1]
    head = np.pad(heading, ((60, 20), (free // 2, free - free // 2)), constant_values=255)
    return np.vstack((head, body))


def without_margins(pixels: Pixels, kept_px: int = 30) -> Pixels:
    """The page cut to its writing."""
    down, across = np.nonzero(pixels < 128)
    bare = pixels[down.min() : down.max() + 1, across.min() : across.max() + 1]
    return np.pad(bare, kept_px, constant_values=255)


def on_a_table(pixels: Pixels) -> Pixels:
    """The page photographed at an angle on dark, grained wood."""
    height, width = pixels.shape[:2]
    corners = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    place = corners * 0.8 + np.array(((170, 130), (240, 70), (150, 160), (130, 110)), np.float32)
    view = cv2.getPerspectiveTransform(corners, place)
    grain = np.random.default_rng(5).normal(50, 14, (height // 6 + 1, width // 40 + 1))
    wood = cv2.resize(grain.astype(np.float32), (width, height))
    paper = cv2.warpPerspective(pixels.astype(np.float32), view, (width, height))
    sheet = cv2.warpPerspective(np.ones((height, width), np.float32), view, (width, height))
    return (wood * (1 - sheet) + paper * 0.85 * sheet).clip(0, 255).astype(np.uint8)
