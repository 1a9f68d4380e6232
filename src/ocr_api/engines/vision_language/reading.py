"""One call of `read`: pages cut into strips, strips read in batches, texts put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from PIL import Image

from ocr_api.engines.base import stopped
from ocr_api.engines.vision_language.generation import Answer, Listeners
from ocr_api.engines.vision_language.live_text import LiveText
from ocr_api.engines.vision_language.pictures import picture_of
from ocr_api.engines.vision_language.strips import Strip, StripRule, cut, join_texts, strip_page
from ocr_api.errors import EngineMemoryError
from ocr_api.pages import PageImage, PageText

AskT = TypeVar("AskT", contravariant=True)  # noqa: PLC0105

_WARNINGS = {
    "truncated": "The answer reached the model's token limit; text at its end may be missing.",
    "repetition": "The model began to repeat itself; the answer was cut there.",
}


class Reader(Protocol[AskT]):
    """What reads pictures: a vision-language engine."""

    def answers(
        self, pictures: Sequence[Image.Image], ask: AskT, listeners: Listeners
    ) -> list[Answer]:
        """Gives the model's answers to pictures, read together."""
        ...

    def page_text(self, answer: str, page: PageImage, ask: AskT) -> PageText:
        """Gives the page that an answer, or the beginning of one, tells."""
        ...

    def stable_part(self, answer: str, ask: AskT) -> str:
        """Gives the beginning of an unfinished answer whose meaning will not change."""
        ...

    def strip_rule(self, ask: AskT) -> StripRule:
        """Tells which pages are cut."""
        ...


@dataclass(frozen=True, slots=True)
class _Piece:
    """One strip of a page; `page` are its rows alone."""

    index: int
    strip: Strip
    page: PageImage


@dataclass(slots=True)
class Reading(Generic[AskT]):
    """The pages of one call.

    Attributes:
        reader: Reads pictures.
        ask: What the model is asked for.
        pages: All pages of the call.
        on_text: See `Engine.read`.
        should_stop: See `Engine.read`.
        texts: What has been read, by the page's index.
    """

    reader: Reader[AskT]
    ask: AskT
    pages: Sequence[PageImage]
    on_text: Callable[[int, str], None]
    should_stop: Callable[[int], bool]
    texts: dict[int, PageText] = field(default_factory=dict[int, PageText])
    _pieces: list[_Piece] = field(default_factory=list[_Piece])
    _live: dict[int, LiveText] = field(default_factory=dict[int, LiveText])

    def add(self, index: int) -> None:
        """Takes a page into the reading."""
        page = self.pages[index]
        for strip in cut(page, self.reader.strip_rule(self.ask)):
            self._pieces.append(_Piece(index, strip, strip_page(page, strip)))
        self._live[index] = LiveText(lambda text: self.on_text(index, text))

    def run(self, room: int) -> None:
        """Reads all pages, so many strips at a time.

        Raises:
            EngineMemoryError: A single strip does not fit.
            EngineError: The model failed.
        """
        read: list[PageText] = []
        for start in range(0, len(self._pieces), room):
            read += self._read(self._pieces[start : start + room])
            self._finish(read)

    def _read(self, pieces: Sequence[_Piece]) -> list[PageText]:
        """Reads pieces together, or in halves where they do not fit together."""

        def on_answer(row: int, answer: str) -> None:
            piece = pieces[row]
            if piece.page.height_px == self.pages[piece.index].height_px:
                stable = self.reader.stable_part(answer, self.ask)
                text = self.reader.page_text(stable, piece.page, self.ask).text
                self._live[piece.index].grow(text)

        listeners = Listeners(on_answer, lambda row: self.should_stop(pieces[row].index))
        try:
            answers = self.reader.answers(
                [picture_of(piece.page) for piece in pieces], self.ask, listeners
            )
        except EngineMemoryError:
            if len(pieces) == 1:
                raise
            half = len(pieces) // 2
            return self._read(pieces[:half]) + self._read(pieces[half:])
        return [
            self._page_text(answer, piece.page)
            for answer, piece in zip(answers, pieces, strict=True)
        ]

    def _page_text(self, answer: Answer, page: PageImage) -> PageText:
        text = replace(self.reader.page_text(answer.text, page, self.ask), raw_text=answer.text)
        if "stopped" in answer.flags:
            return stopped(text)
        warnings = tuple(_WARNINGS[flag] for flag in answer.flags)
        return replace(
            text, flags=(*text.flags, *answer.flags), warnings=(*text.warnings, *warnings)
        )

    def _finish(self, read: Sequence[PageText]) -> None:
        """Puts pages together whose strips have all been read."""
        for index, live in self._live.items():
            places = [place for place, piece in enumerate(self._pieces) if piece.index == index]
            if index in self.texts or places[-1] >= len(read):
                continue
            strips = [self._pieces[place].strip for place in places]
            text = join_texts([read[place] for place in places], strips, self.pages[index])
            self.texts[index] = text
            live.finish(text.text)
