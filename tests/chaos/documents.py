"""Files whose pages tell who they are: by their width and by their number of black pixels."""

from __future__ import annotations

import io
from functools import partial

import pikepdf
from PIL import Image

from tests.chaos.plan import HEIGHT_PX, JobPlan, width_of

PDF_DPI = 72
"""At this resolution a point of a PDF is a pixel."""


def make_document(plan: JobPlan) -> bytes:
    """Gives the file of a job."""
    if plan.kind == "pdf":
        return _pdf(plan)
    first, *others = (_scan(width_of(page), plan.ink) for page in range(1, plan.pages + 1))
    target = io.BytesIO()
    save = partial(first.save, target, "png" if plan.kind == "png" else "tiff")
    if others:
        save(save_all=True, append_images=others)
    else:
        save()
    return target.getvalue()


def _scan(width: int, ink: int) -> Image.Image:
    pixels = bytes(ink) + b"\xff" * (width * HEIGHT_PX - ink)
    return Image.frombytes("L", (width, HEIGHT_PX), pixels)


def _pdf(plan: JobPlan) -> bytes:
    made = pikepdf.new()
    for number in range(1, plan.pages + 1):
        width = width_of(number)
        page = made.add_blank_page(page_size=(width, HEIGHT_PX))
        rows, rest = divmod(plan.ink, width)
        bars = f"0 {HEIGHT_PX - rows} {width} {rows} re f\n" if rows else ""
        bars += f"0 {HEIGHT_PX - rows - 1} {rest} 1 re f\n" if rest else ""
        page.Contents = pikepdf.Stream(made, bars.encode())
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()
