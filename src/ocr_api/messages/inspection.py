"""What the inspecting child is asked and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ocr_api.messages.image import ImageHeader
from ocr_api.pages import PageTraits


@dataclass(frozen=True, slots=True)
class InspectPage:
    """Look at one page; the descriptor of its pixels travels beside it.

    Attributes:
        image: How to read its pixels.
        languages: That the caller named; empty = none.
    """

    image: ImageHeader
    languages: tuple[str, ...] = ()
    kind: Literal["inspect_page"] = "inspect_page"


@dataclass(frozen=True, slots=True)
class PageInspected:
    """What was seen."""

    traits: PageTraits
    kind: Literal["page_inspected"] = "page_inspected"
