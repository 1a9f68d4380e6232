"""What a worker and its children say to each other, both ends typed.

A frame is a header of 8 bytes (length of the body and number of file descriptors, both big-endian
uint32), the descriptors beside the header (SCM_RIGHTS), and a JSON body. Pixels never travel in
the body: they lie in a memory file whose descriptor is passed.
"""

from ocr_api.messages.document import DocumentOpened, OpenDocument, PageRendered, RenderPage
from ocr_api.messages.frames import (
    HEADER,
    MAX_BODY_BYTES,
    MAX_FILES,
    Failed,
    Ready,
    decode_header,
    encode_frame,
)
from ocr_api.messages.image import ImageHeader
from ocr_api.messages.inspection import InspectPage, PageInspected
from ocr_api.messages.reading import (
    LoadModel,
    ModelLoaded,
    PagesRead,
    ReadPages,
    StopReading,
    TextRead,
)
from ocr_api.messages.union import Message, decode_body, encode_body
from ocr_api.messages.weights import FetchWeights, WeightsFetched, WeightsProgress

__all__ = [
    "HEADER",
    "MAX_BODY_BYTES",
    "MAX_FILES",
    "DocumentOpened",
    "Failed",
    "FetchWeights",
    "ImageHeader",
    "InspectPage",
    "LoadModel",
    "Message",
    "ModelLoaded",
    "OpenDocument",
    "PageInspected",
    "PageRendered",
    "PagesRead",
    "ReadPages",
    "Ready",
    "RenderPage",
    "StopReading",
    "TextRead",
    "WeightsFetched",
    "WeightsProgress",
    "decode_body",
    "decode_header",
    "encode_body",
    "encode_frame",
]
