"""HTML-like answers as plain text and as Markdown. Pure, and robust against broken tags.

QARI v0.3 answers with tags of HTML, DeepSeek and others with HTML tables. Characters are never
moved: Arabic stays in logical order, with its tashkeel.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    """
    address article aside blockquote body caption center dd div dl dt figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p page pre section table tbody tfoot
    thead tr ul
    """.split()  # noqa: SIM905 (one a line would be eighty lines)
)
_PARAGRAPHS = frozenset(
    """
    p h1 h2 h3 h4 h5 h6 table ul ol blockquote section header footer
    """.split()  # noqa: SIM905 (one a line would be eighty lines)
)
_INLINE = frozenset(
    """
    a abbr b big br cite code del em font i img ins kbd mark q s small span strike strong sub
    sup td th title tt u
    """.split()  # noqa: SIM905 (one a line would be eighty lines)
)
_KNOWN = _BLOCKS | _INLINE
_SILENT = frozenset(("script", "style", "head"))
_HEADS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_EMPHASIS = {"b": "**", "strong": "**", "i": "*", "em": "*", "del": "~~", "s": "~~"}
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")
_UNFINISHED = re.compile(r"<(?:/?[A-Za-z][^<>\n]{0,200})?\Z")
_SPACES = re.compile(r"[ \t]+")
_MANY_LINES = re.compile(r"\n{3,}")


def has_tags(answer: str) -> bool:
    """Tells whether an answer has tags of HTML, so that it is markup and not text."""
    return any(found[1].lower() in _KNOWN for found in _TAG.finditer(answer))


def text_of_html(answer: str) -> str:
    """Gives the words of an answer: a line a line, cells of a row parted by tabs.

    What is no tag of HTML is text, `3 < 4` and `<name>` too. An answer without tags stays as it
    is.
    """
    return _converted(answer, is_markdown=False)


def markdown_of_html(answer: str) -> str | None:
    """Gives an answer as Markdown, tables as HTML; None for an answer without tags."""
    return _converted(answer, is_markdown=True) if has_tags(answer) else None


def _converted(answer: str, *, is_markdown: bool) -> str:
    if not has_tags(answer):
        return answer
    writer = _Writer(is_markdown=is_markdown)
    writer.feed(_escape_foreign(_UNFINISHED.sub("", answer)))
    writer.close()
    lines = (_SPACES.sub(" ", line).strip(" ") for line in writer.text.split("\n"))
    if not is_markdown:
        lines = (re.sub(r" ?\t ?", "\t", line).strip("\t") for line in writer.lines())
    return _MANY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _escape_foreign(answer: str) -> str:
    """Gives the answer with every `<` escaped that begins no known tag."""
    pieces: list[str] = []
    place = 0
    for found in _TAG.finditer(answer):
        if found[1].lower() not in _KNOWN | _SILENT:
            continue
        pieces.append(answer[place : found.start()].replace("<", "&lt;"))
        pieces.append(found.group())
        place = found.end()
    pieces.append(answer[place:].replace("<", "&lt;"))
    return "".join(pieces)


class _Writer(HTMLParser):
    """Writes what a parser finds as text or Markdown."""

    def __init__(self, *, is_markdown: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._is_markdown = is_markdown
        self._silent = 0
        self._table = 0
        self._numbers: list[int | None] = []

    def lines(self) -> list[str]:
        """Gives the lines with single spaces; tabs stay."""
        return [re.sub(r" +", " ", line).strip(" ") for line in self.text.split("\n")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Writes the mark of an opening tag."""
        del attrs
        if tag in _SILENT:
            self._silent += 1
        if tag == "table":
            self._break(2)
            self._table += 1
        if self._table and self._is_markdown:
            self.text += f"<{tag}>"
            return
        self._open(tag)

    def handle_endtag(self, tag: str) -> None:
        """Writes the mark of a closing tag."""
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        if self._table and self._is_markdown:
            self.text += f"</{tag}>"
        else:
            self._close(tag)
        if tag == "table" and self._table:
            self._table -= 1
            self._break(2)

    def handle_data(self, data: str) -> None:
        """Writes text."""
        if self._silent:
            return
        if self._table and not self._is_markdown:
            data = data.replace("\n", " ")
        if self._table and self._is_markdown:
            data = data.replace("&", "&amp;").replace("<", "&lt;")
        self.text += data.lstrip() if self.text.endswith("\n") else data

    def _open(self, tag: str) -> None:
        if tag == "br":
            self.text += "  \n" if self._is_markdown else "\n"
        elif tag in _BLOCKS:
            self._break(2 if tag in _PARAGRAPHS else 1)
        if tag in ("ul", "ol"):
            self._numbers.append(1 if tag == "ol" else None)
        elif tag in ("td", "th") and not self.text.endswith("\n"):
            self.text += "\t"
        if self._is_markdown:
            self.text += _HEADS.get(tag, "") + _EMPHASIS.get(tag, "")
            self.text += self._item() if tag == "li" else ""

    def _close(self, tag: str) -> None:
        if self._is_markdown:
            self.text += _EMPHASIS.get(tag, "")
        if tag in ("ul", "ol") and self._numbers:
            self._numbers.pop()
        if tag in _BLOCKS:
            self._break(2 if tag in _PARAGRAPHS else 1)

    def _item(self) -> str:
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return "- "
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _break(self, lines: int) -> None:
        kept = self.text.rstrip(" \n")
        if kept:
            there = self.text.count("\n", len(kept))
            self.text = kept + "\n" * min(2, max(lines, there))
