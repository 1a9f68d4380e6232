"""Upload → page images: the only code that decodes untrusted files, run in the document child.

Reads top to bottom: `rendering` (the story) → `images` or `pdf` (one decoder each) →
`normalise` (any pixels become dark text on a light ground).
"""

from ocr_api.documents.rendering import (
    READABLE_TYPES,
    OpenedDocument,
    RenderedPage,
    open_document,
)

__all__ = ["READABLE_TYPES", "OpenedDocument", "RenderedPage", "open_document"]
