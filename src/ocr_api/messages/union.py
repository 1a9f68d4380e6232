"""All messages as one type, and their JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from ocr_api.messages.document import DocumentOpened, OpenDocument, PageRendered, RenderPage
from ocr_api.messages.frames import Failed, Ready
from ocr_api.messages.inspection import InspectPage, PageInspected
from ocr_api.messages.reading import (
    LoadModel,
    ModelLoaded,
    PagesRead,
    ReadPages,
    StopReading,
    TextRead,
)
from ocr_api.messages.weights import FetchWeights, WeightsFetched, WeightsProgress

Message = (
    Ready
    | Failed
    | OpenDocument
    | DocumentOpened
    | RenderPage
    | PageRendered
    | InspectPage
    | PageInspected
    | LoadModel
    | ModelLoaded
    | ReadPages
    | StopReading
    | TextRead
    | PagesRead
    | FetchWeights
    | WeightsProgress
    | WeightsFetched
)


# Built once, at import: building it reads files, which the event loop must not wait for.
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def encode_body(message: Message) -> bytes:
    """Gives the JSON of a message."""
    return _MESSAGES.dump_json(message)


def decode_body(body: bytes) -> Message:
    """Gives the message of a JSON body.

    Raises:
        ValueError: It is no message of ours (pydantic's ValidationError is one).
    """
    return _MESSAGES.validate_json(body)
