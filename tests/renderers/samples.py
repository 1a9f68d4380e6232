"""Pages to render: one Arabic, one English, and any page at all."""

from __future__ import annotations

from hypothesis import strategies as st

from ocr_api.jobs import PageResult, Problem
from ocr_api.pages import Block, Box, Direction, Line, PageText, PageTraits, Script, Word
from ocr_api.renderers import DocumentInfo, OutputFormat, PageOutcome, render

WIDTH, HEIGHT = 1240, 1754

NASTY = [
    *("]]>", "<!--", "-->", "<script>", "&amp;", "&#0;", '"', "'", "\\", "`", "*_~|[]()!", "$x$"),
    *("\x00", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\ufffe", "\uffff", "\U0001ffff"),
    *("\t", "\n", "\r", "\r\n", "\u2028", "\u00a0", " ", "\u200d", "\ufeff"),
    *("\u202e", "\u2066", "\u200f", "\u0645\u0631\u062d\u0628\u0627", "\u4f60\u597d", "\U0001f600"),
    *("# ", "- ", "1. ", "1) ", "> ", "+ ", "===", "---", "    x", "| a | b |", "http://a.b"),
]
"""Pieces that a careless writer of markup stumbles over."""


def rtl_line(words: list[tuple[str, int, int, float | None]], top: int) -> Line:
    """A line from right to left of `(text, left, right, confidence)`, 40 pixels high."""
    return _line(words, top, Direction.RTL)


def ltr_line(words: list[tuple[str, int, int, float | None]], top: int) -> Line:
    """A line from left to right of `(text, left, right, confidence)`, 40 pixels high."""
    return _line(words, top, Direction.LTR)


def _line(words: list[tuple[str, int, int, float | None]], top: int, direction: Direction) -> Line:
    found = tuple(
        Word(text, Box(left, top, right, top + 40), confidence)
        for text, left, right, confidence in words
    )
    box = Box.around(word.box for word in found)
    return Line(" ".join(word.text for word in found), box, found, direction, 0.9)


def block(*lines: Line) -> Block:
    """Lines in one block."""
    return Block(lines, Box.around(line.box for line in lines))


def page(*blocks: Block, number: int = 1, script: Script | None = None) -> PageResult:
    """A page that was read by `tesseract`."""
    traits = None if script is None else PageTraits(scripts=(script,))
    text = PageText(WIDTH, HEIGHT, blocks)
    return PageResult(number, "tesseract", text, traits, "printed text", 0.8125)


ARABIC = page(
    block(
        rtl_line([("مرحبا", 1010, 1120, 0.97), ("بالعالم،", 880, 1000, 0.93)], 120),
        rtl_line([("رقم", 1060, 1120, 0.88), ("OCR-2026", 900, 1050, 0.912)], 180),
    ),
    block(rtl_line([("شكرًا.", 1020, 1120, None)], 320)),
    script=Script.ARABIC,
)
ENGLISH = page(
    block(
        ltr_line([("Invoice", 120, 260, 0.98), ("#", 270, 290, 0.75), ("42", 300, 340, 0.99)], 120),
        ltr_line([("Smith", 120, 220, 0.96), ("&", 230, 250, 0.91), ("Sons", 260, 340, 0.97)], 180),
    ),
    block(ltr_line([("Total:", 120, 220, 0.95), ("<100>", 230, 320, 0.9)], 320)),
    script=Script.LATIN,
)
SAMPLES = {"arabic": ARABIC, "english": ENGLISH}
TIMEOUT = Problem("page_timeout", "Reading took longer than 300 s.", retryable=True, page=2)


def read_page(result: PageResult, *, is_first: bool = True) -> PageOutcome:
    """The outcome of a page that was read."""
    return PageOutcome(result.page_number, result, is_first=is_first)


def rendered(form: OutputFormat, *results: PageResult, filename: str | None = "scan.png") -> str:
    """A document of these pages."""
    document = DocumentInfo(len(results), len(results), "job1", filename, version="1.2.3")
    pages = [read_page(found, is_first=index == 0) for index, found in enumerate(results)]
    return "".join(render(form, document, pages))


def three_pages(form: OutputFormat) -> str:
    """A document of three pages, the second one failed."""
    document = DocumentInfo(3, 3, "job1", "scan.pdf", version="1.2.3")
    pages = [
        PageOutcome(1, page(block(ltr_line([("one", 1, 2, None)], 3)))),
        PageOutcome(2, None, TIMEOUT, is_first=False),
        PageOutcome(3, page(block(ltr_line([("three", 1, 2, None)], 3)), number=3), None, False),  # noqa: FBT003 - shown by its place
    ]
    return "".join(render(form, document, pages))


texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=8), min_size=1, max_size=4).map("".join)
confidences = st.none() | st.floats(0, 1)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """Any box on the page."""
    left, right = sorted((draw(st.integers(0, WIDTH)), draw(st.integers(0, WIDTH))))
    top, bottom = sorted((draw(st.integers(0, HEIGHT)), draw(st.integers(0, HEIGHT))))
    return Box(left, top, right, bottom)


words = st.builds(Word, text=texts, box=boxes(), confidence=confidences)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Any line; the engine may give no words."""
    inside = tuple(draw(st.lists(words, max_size=4)))
    text = draw(st.sampled_from(["", " "])).join(word.text for word in inside) or draw(texts)
    direction = draw(st.sampled_from(Direction))
    return Line(text, draw(boxes()), inside, direction, draw(confidences))


blocks = st.builds(Block, lines=st.lists(lines(), min_size=1, max_size=3).map(tuple), box=boxes())


@st.composite
def pages(draw: st.DrawFn) -> PageResult:
    """Any page."""
    inside = tuple(draw(st.lists(blocks, max_size=3)))
    traits = draw(st.none() | st.builds(PageTraits, scripts=st.tuples(st.sampled_from(Script))))
    return PageResult(1, "m", PageText(WIDTH, HEIGHT, inside), traits)


filenames = st.none() | texts
