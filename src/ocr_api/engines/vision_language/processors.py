"""Processors of pictures and text, free of torchvision and of videos."""

from __future__ import annotations

from inspect import signature
from typing import Any

import transformers
from transformers.models.auto import processing_auto
from transformers.processing_utils import ProcessorMixin

_LIBRARY: Any = transformers
_NAMES: Any = processing_auto


def load_picture_processor(folder: str, processor_class: Any = None) -> Any:
    """Gives the processor of a folder; where it wants videos too, without them.

    Processors that read videos need torchvision for them, and fail without it even when they are
    to read pictures only.

    Args:
        folder: Of the checkpoint.
        processor_class: transformers' own; None = the one that its auto class finds.
    """
    loader = processor_class or _LIBRARY.AutoProcessor
    try:
        return loader.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
    except (ImportError, ValueError):
        found = processor_class or processor_class_of(folder)
        if found is None or "video_processor" not in signature(found.__init__).parameters:
            raise
    return picture_only_processor(found, folder)


def processor_class_of(folder: str) -> Any:
    """Gives the class that belongs to the model type of a folder; None = there is none."""
    config = _LIBRARY.AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    name = _NAMES.PROCESSOR_MAPPING_NAMES.get(config.model_type)
    return getattr(_LIBRARY, str(name), None)


def picture_only_processor(processor_class: Any, folder: str, **limits: int) -> Any:
    """Gives a processor of a class that reads pictures and videos, for pictures alone.

    Args:
        processor_class: Of the family of Qwen2-VL: `(image_processor, tokenizer,
            video_processor, chat_template)`.
        folder: Of the checkpoint.
        limits: `min_pixels` and `max_pixels`, where those of the checkpoint are not to hold.
    """
    tokenizer = _LIBRARY.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    pictures = _LIBRARY.AutoImageProcessor.from_pretrained(
        folder, backend="pil", local_files_only=True, **limits
    )
    made = type(f"PictureOnly{processor_class.__name__}", (processor_class, _WithoutVideos), {})
    return made(pictures, tokenizer, chat_template=tokenizer.chat_template)


class _WithoutVideos(ProcessorMixin):
    """Stands between such a class and the base of all processors, and keeps videos out."""

    def __init__(self, pictures: Any, tokenizer: Any, *_: Any, chat_template: Any = None) -> None:
        inherited: Any = super()
        inherited.__init__(pictures, tokenizer, chat_template=chat_template)

    @classmethod
    def get_attributes(cls) -> list[str]:
        """Gives the names of the parts of the processor."""
        inherited: Any = super()
        return [name for name in inherited.get_attributes() if name != "video_processor"]
