"""What decoders give: an open document, and its pages one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ocr_api.messages import RenderPage
from ocr_api.pages import PageImage


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """One page of a document.

    Attributes:
        page: Its pixels; dark text on a light ground.
        warnings: Sentences for people about what was assumed or left out.
    """

    page: PageImage
    warnings: tuple[str, ...] = ()


class Document(Protocol):
    """An open document. Its methods may raise whatever the decoder raises.

    `pages_total` counts its pages; `warnings` are sentences for people about the whole.
    """

    @property
    def pages_total(self) -> int: ...  # noqa: D102

    @property
    def warnings(self) -> tuple[str, ...]: ...  # noqa: D102

    def render(self, request: RenderPage) -> RenderedPage:
        """Decodes one page, whose number is one that the document has."""
        ...

    def close(self) -> None:
        """Gives its memory back."""
        ...
