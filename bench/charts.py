"""Bar charts as SVG, readable on light and dark ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH = 720
_LABEL_RIGHT = 250
_BAR_LEFT = 260
_BAR_MOST = 270
_ROW = 26
_BAR = 16
_PANEL_HEAD = 46
_MARGIN = 20
_HEAD = 50

_STYLE = """
.ground { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
.title { font-size: 17px; font-weight: 600 } .panel { font-weight: 600 } .note { fill: #59636e }
.other { fill: #9aa4b0 } .ours { fill: #0969da } .axis { stroke: #59636e; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } text { fill: #e6edf3 } .note { fill: #9198a1 }
.other { fill: #656d76 } .ours { fill: #4493f8 } .axis { stroke: #9198a1 }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: What it stands for.
        value: Its length, in the unit of its panel.
        text: What is written at its end.
        is_ours: Stands out.
    """

    label: str
    value: float
    text: str
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of one unit, from zero.

    Attributes:
        title: With the unit.
        note: Which way is better, or what ratios are to.
        bars: From top to bottom.
    """

    title: str
    note: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """In pixels."""
        return _PANEL_HEAD + _ROW * len(self.bars)


def draw(title: str, panels: Sequence[Panel]) -> str:
    """Gives an SVG picture of panels below one another."""
    height = _HEAD + sum(panel.height for panel in panels) + _MARGIN
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>',
        _text("title", _MARGIN, 32, title),
    ]
    top = _HEAD
    for panel in panels:
        lines += _draw_panel(panel, top)
        top += panel.height
    return "\n".join([*lines, "</svg>"]) + "\n"


def _draw_panel(panel: Panel, top: int) -> Iterator[str]:
    longest = max((bar.value for bar in panel.bars), default=0.0) or 1.0
    yield _text("panel", _MARGIN, top + 22, panel.title)
    yield _text("note", _WIDTH - _MARGIN, top + 22, panel.note, anchor="end")
    first = top + 34
    for number, bar in enumerate(panel.bars):
        yield from _draw_bar(bar, first + number * _ROW, bar.value / longest)
    bottom = first + _ROW * len(panel.bars) - (_ROW - _BAR) // 2
    place = f'x1="{_BAR_LEFT}" x2="{_BAR_LEFT}" y1="{first - 4}" y2="{bottom}"'
    yield f'<line class="axis" {place}/>'


def _draw_bar(bar: Bar, top: int, share: float) -> Iterator[str]:
    length = round(_BAR_MOST * share, 1)
    kind = "ours" if bar.is_ours else "other"
    yield _text("label", _LABEL_RIGHT, top + 13, bar.label, anchor="end")
    place = f'x="{_BAR_LEFT}" y="{top}" width="{length}" height="{_BAR}"'
    yield f'<rect class="{kind}" {place}/>'
    yield _text("value", _BAR_LEFT + length + 8, top + 13, bar.text)


def _text(kind: str, left: float, base: float, words: str, anchor: str = "start") -> str:
    place = f'x="{left:g}" y="{base:g}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'
