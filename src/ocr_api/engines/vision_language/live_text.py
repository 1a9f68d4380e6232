"""Turns an answer that grows into pieces of text that add up to the page's text."""

from __future__ import annotations

from collections.abc import Callable


class LiveText:
    """Tells the text of one page on, whole words at a time.

    What was told is never taken back; where the final text does not begin with it (markup that
    changed its meaning, a repetition that was cut), nothing more is told.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = ""

    def grow(self, text: str) -> None:
        """Takes the text so far; its last word may still change."""
        end = max(text.rfind(" "), text.rfind("\n"))
        if end > 0:
            self.finish(text[:end].rstrip())

    def finish(self, text: str) -> None:
        """Takes the text that stays."""
        if len(text) > len(self._told) and text.startswith(self._told):
            self._tell(text[len(self._told) :])
            self._told = text
