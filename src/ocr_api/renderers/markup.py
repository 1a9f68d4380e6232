"""Text inside XML: what must be escaped, and what XML cannot hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""All that is not a `Char` (XML 1.0, fifth edition, section 2.2)."""
_REPLACEMENT = "\ufffd"
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)
"""Unescaped, white space of attributes would become spaces (section 3.3.3)."""

XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def xml_chars(text: str) -> str:
    """Gives a text with U+FFFD in place of each character that XML cannot hold."""
    return _FORBIDDEN.sub(_REPLACEMENT, text)


def xml_text(text: str) -> str:
    """Gives a text as the content of an element."""
    return xml_chars(text).translate(_IN_TEXT)


def xml_attributes(values: Mapping[str, object]) -> str:
    """Gives attributes, each behind a space, in their order; those that are None are left out."""
    return "".join(
        f' {name}="{value if isinstance(value, int) else _attribute(str(value))}"'
        for name, value in values.items()
        if value is not None
    )


def _attribute(text: str) -> str:
    return xml_chars(text).translate(_IN_ATTRIBUTE)
