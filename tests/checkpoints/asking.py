"""Turns pages into the inputs that a checkpoint's `generate` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image
from transformers import Qwen2VLProcessor
from transformers.processing_utils import ProcessorMixin

from ocr_api.engines.vision_language import deepseek, qari

TEXT = "text"
MARKDOWN = "markdown"
CROPPED = "cropped"
"""GOT alone: the page in pieces, which its small checkpoint never learned."""

_DEEPSEEK_PROMPTS = {
    TEXT: deepseek.TEXT_PROMPT,
    MARKDOWN: deepseek.LAYOUT_PROMPT,
}
_QARI_MESSAGES = [
    {
        "role": "user",
        "content": [{"type": "image"}, {"type": "text", "text": qari.PROMPT}],
    }
]


class ImagesOnlyQwen2VLProcessor(Qwen2VLProcessor):
    """The processor of Qwen2-VL without its video part, which needs torchvision."""

    def __init__(
        self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None
    ) -> None:
        self.image_token = "<|image_pad|>"
        self.video_token = "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(  # type: ignore[no-untyped-call]
            self, image_processor, tokenizer, chat_template=chat_template
        )


def ask(model: str, processor: Any, images: Sequence[Image.Image], mode: str) -> dict[str, Any]:
    """The inputs for these pages as one batch, padded on the left.

    Args:
        model: `got`, `qari` or `deepseek`.
        processor: The model's.
        images: RGB pages.
        mode: `text`, `markdown` or, for GOT, `cropped`.
    """
    asked = {"padding": True, "return_tensors": "pt"}
    if model == "got":
        how = {"format": mode == MARKDOWN, "crop_to_patches": mode == CROPPED}
        return dict(processor(list(images), **how, **asked))
    if model == "qari":
        text = processor.apply_chat_template(
            _QARI_MESSAGES, add_generation_prompt=True, tokenize=False
        )
    else:
        text = _DEEPSEEK_PROMPTS[mode]
    return dict(processor(images=list(images), text=[text] * len(images), **asked))
