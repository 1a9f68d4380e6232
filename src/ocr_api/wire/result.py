"""What was read, as callers see it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from ocr_api.jobs import PageResult
from ocr_api.pages import Block, Box, Direction, Line, Rotation, Script, Word
from ocr_api.pages.text import mean_confidence
from ocr_api.wire.base import WireModel

Confidence = float | None
_CONFIDENCE = "0..1; null where the model gives none."


class BoxView(WireModel):
    """A rectangle in pixels of the upright page, origin top-left; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int


class WordView(WireModel):
    """A run of characters without white space, in logical order."""

    text: str
    box: BoxView
    confidence: Confidence = Field(default=None, description=_CONFIDENCE)


class LineView(WireModel):
    """One line of writing, in logical order."""

    text: str
    box: BoxView
    direction: Direction
    confidence: Confidence = Field(default=None, description=_CONFIDENCE)
    words: list[WordView] = Field(description="Empty where the model gives lines only.")


class BlockView(WireModel):
    """Lines that belong together, in reading order."""

    box: BoxView
    text: str
    lines: list[LineView]
    label: str | None = Field(
        default=None,
        description="What the model calls it, such as `title`; null = it does not say.",
    )


class PageView(WireModel):
    """The text of one page, with its places."""

    page_number: int = Field(ge=1)
    text: str
    formatted_text: str = Field(description="Markdown where the model gives it, else `text`.")
    blocks: list[BlockView]
    raw_text: str | None = Field(
        default=None, description="A generating model's answer as it came; null for other models."
    )


class PageMetadata(WireModel):
    """How one page was read."""

    page_number: int = Field(ge=1)
    confidence: Confidence = Field(default=None, description=_CONFIDENCE)
    model: str = Field(description="The model that read the page.")
    width_px: int = Field(description="Width of the upright page, which boxes refer to.")
    height_px: int
    duration_s: float = Field(description="From the start of decoding to the end of reading.")
    warnings: list[str]
    flags: list[str] = Field(
        default_factory=list[str],
        description="Warnings for programs: `truncated`, `repetition`, `stopped`.",
    )
    route_reason: str | None = Field(
        default=None,
        description="Which pages `auto` takes this model for, and what decided between this and "
        "others: what is in memory, what cannot run now. Null = the caller named the model.",
    )
    rotation_deg: Rotation | None = Field(
        default=None,
        description="Clockwise turn that brought the page upright; null = not inspected.",
    )
    skew_deg: float | None = Field(
        default=None,
        description="Small clockwise turn that made the lines level; null = not inspected.",
    )
    scripts: list[Script] | None = Field(
        default=None, description="Scripts seen, the dominant one first; null = not inspected."
    )
    letters: int | None = Field(
        default=None,
        description="About how many letters are printed on the page, by its ink; null = not "
        "inspected. `auto` takes a page of 1500 or more for a full one.",
    )


class ResultMetadata(WireModel):
    """How the document was read."""

    total_pages: int
    pages: list[PageMetadata]


class ResultView(WireModel):
    """What was read in a whole document."""

    text: str = Field(description="Pages of several are headed by `=== Page i of N ===`.")
    formatted_text: str
    confidence: Confidence = Field(default=None, description=_CONFIDENCE)
    metadata: ResultMetadata
    pages: list[PageView] = Field(
        description="Empty for a job of more than 200 pages: get each at `links.page`."
    )


def result_view(
    pages: Sequence[PageResult], total_pages: int, *, with_places: bool = True
) -> ResultView:
    """Gives the result of a document.

    Args:
        pages: The pages that were read, in order; failed ones are left out.
        total_pages: Pages of the document.
        with_places: Whether the pages with their places are part of it, or the text alone.
    """
    views = [page_view(page) for page in pages] if with_places else []
    texts = [page.text.text for page in pages]
    numbers = [page.page_number for page in pages]
    confidence = mean_confidence((page.text.confidence, len(page.text.text)) for page in pages)
    return ResultView(
        text=join_pages(numbers, texts, total_pages),
        formatted_text=join_pages(numbers, [_formatted(page) for page in pages], total_pages),
        confidence=_rounded(confidence),
        metadata=ResultMetadata(
            total_pages=total_pages, pages=[page_metadata(page) for page in pages]
        ),
        pages=views,
    )


def join_pages(numbers: Sequence[int], texts: Sequence[str], total_pages: int) -> str:
    """Joins the texts of pages, each headed by `=== Page i of N ===`; a lone page has no head."""
    if total_pages == 1:
        return "".join(texts)
    return "\n\n".join(
        f"=== Page {number} of {total_pages} ===\n{text}"
        for number, text in zip(numbers, texts, strict=True)
    )


def page_view(page: PageResult) -> PageView:
    """Gives one page's text with its places."""
    return PageView(
        page_number=page.page_number,
        text=page.text.text,
        formatted_text=_formatted(page),
        blocks=[_block_view(block) for block in page.text.blocks],
        raw_text=page.text.raw_text,
    )


def _formatted(page: PageResult) -> str:
    formatted = page.text.formatted_text
    return page.text.text if formatted is None else formatted


def page_metadata(page: PageResult) -> PageMetadata:
    """Gives how one page was read."""
    traits = page.traits
    return PageMetadata(
        page_number=page.page_number,
        confidence=_rounded(page.text.confidence),
        model=page.model,
        width_px=page.text.width_px,
        height_px=page.text.height_px,
        duration_s=round(page.duration_s, 3),
        warnings=[*page.warnings, *(w for w in page.text.warnings if w not in page.warnings)],
        flags=list(page.text.flags),
        route_reason=page.route_reason,
        rotation_deg=None if traits is None else traits.rotation_deg,
        skew_deg=None if traits is None else round(traits.skew_deg, 2),
        scripts=None if traits is None else list(traits.scripts),
        letters=None if traits is None else traits.letters,
    )


def _block_view(block: Block) -> BlockView:
    lines = [_line_view(line) for line in block.lines]
    return BlockView(box=_box_view(block.box), text=block.text, lines=lines, label=block.label)


def _line_view(line: Line) -> LineView:
    return LineView(
        text=line.text,
        box=_box_view(line.box),
        direction=line.direction,
        confidence=_rounded(line.confidence),
        words=[_word_view(word) for word in line.words],
    )


def _word_view(word: Word) -> WordView:
    return WordView(text=word.text, box=_box_view(word.box), confidence=_rounded(word.confidence))


def _box_view(box: Box) -> BoxView:
    return BoxView(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 4)
