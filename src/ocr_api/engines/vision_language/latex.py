"""GOT's formatted answers: LaTeX and Mathpix Markdown, as readable plain text. Pure."""

from __future__ import annotations

import re

_ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\{(?:table|tabular|center|itemize|enumerate|document|array)\*?\}"
    r"(?:\[[^\]\n]*\])?(?:\{[^{}\n]*\})?"
)
_HEADING = re.compile(r"\\(?:title|author|(?:sub)*section|caption|textbf|textit|emph|text)\*?\{")
_RULE = re.compile(r"\\(?:hline|cline\{[^{}\n]*\}|toprule|midrule|bottomrule|centering)")
_ROW_END = re.compile(r"[ \t]*\\\\[ \t]*\n?")
_CELL_END = re.compile(r"[ \t]*(?<!\\)&[ \t]*")
_SPAN = re.compile(r"\\multi(?:column|row)\{[^{}\n]*\}\{[^{}\n]*\}\{")
_ITEM = re.compile(r"\\item[ \t]*")
_ESCAPED = re.compile(r"\\([%&_#$])")
_BLANK = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_FORMULA_MARK = re.compile(r"\\[()\[\]]")


def text_of_latex(answer: str) -> str:
    """Gives the words of a formatted answer: a row a line, cells parted by tabs.

    Formulas stay as they are written, without the marks around them.
    """
    text = _ENVIRONMENT.sub("\n", answer)
    text = _RULE.sub("", _ITEM.sub("- ", text))
    text = _without_command(_without_command(text, _SPAN), _HEADING)
    if "\\\\" in text:
        text = _CELL_END.sub("\t", _ROW_END.sub("\n", text))
    text = _ESCAPED.sub(r"\1", _FORMULA_MARK.sub("", text))
    lines = (line.strip(" ") for line in text.split("\n"))
    return _BLANK.sub("\n\n", "\n".join(lines)).strip()


def _without_command(text: str, opening: re.Pattern[str]) -> str:
    """Takes commands away and keeps what is in their last braces, nested braces included."""
    found = opening.search(text)
    while found is not None:
        end = _closing_brace(text, found.end())
        inside = text[found.end() : end]
        text = text[: found.start()] + inside + text[end + 1 :]
        found = opening.search(text, found.start())
    return text


def _closing_brace(text: str, start: int) -> int:
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return len(text)
