"""What reading one page brought."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_api.pages import PageText, PageTraits


@dataclass(frozen=True, slots=True)
class PageResult:
    """The committed result of one page; the form in which it lies in the object store.

    Attributes:
        page_number: From 1.
        model: The model that read it.
        route_reason: Why that model was chosen, for people; None = the caller named it.
        text: What was read.
        traits: What the inspector saw; None = the page was not inspected.
        duration_s: From the start of decoding to the end of reading.
        warnings: Sentences for people.
    """

    page_number: int
    model: str
    text: PageText
    traits: PageTraits | None = None
    route_reason: str | None = None
    duration_s: float = 0.0
    warnings: tuple[str, ...] = ()
