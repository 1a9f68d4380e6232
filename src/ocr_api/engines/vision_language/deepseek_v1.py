"""DeepSeek-OCR v1, in the classes that transformers has for its twin, Unlimited-OCR.

transformers has no class for v1's `deepseek_vl_v2`, and its own code needs an old transformers.
baidu/Unlimited-OCR is the same network (SAM, then CLIP, a linear projector, a DeepSeek-V2 decoder
with plain attention) with the same tensor names, and attends to a window; v1 attends to all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    UnlimitedOcrConfig,
    UnlimitedOcrForConditionalGeneration,
)
from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import (
    DeepseekOcr2ImageProcessorPil,
    get_optimal_tiled_canvas,
)

from ocr_api.engines.vision_language.base import Ask
from ocr_api.engines.vision_language.batches import Inputs
from ocr_api.engines.vision_language.deepseek import IMAGE_TOKEN, PROMPTS, DeepSeekEngine
from ocr_api.engines.vision_language.tensor_files import config_of

_PATCH_PX = 64
"""Pixels of the picture for one token: patches of 16, halved twice by convolutions."""
_IMAGE_TOKEN_ID = 128815
_BOS_TOKEN_ID = 0
_DECODER_VALUES = frozenset(
    (
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "max_position_embeddings",
        "n_routed_experts",
        "n_shared_experts",
        "num_experts_per_tok",
        "moe_intermediate_size",
        "first_k_dense_replace",
        "topk_method",
        "n_group",
        "topk_group",
        "routed_scaling_factor",
        "rms_norm_eps",
        "bos_token_id",
        "eos_token_id",
    )
)
"""What the published `language_config` and transformers' text config both name."""


class DeepSeekV1Engine(DeepSeekEngine):
    """DeepSeek-OCR v1; the same modes as version 2.

    Settings: `picture_px` (1024) and `tile_px` (640) are the sides of the whole view and of the
    crops, `max_patches` (9) the most crops ("gundam"); 0 crops and another side give the modes
    "tiny" (512), "small" (640), "base" (1024) and "large" (1280) of the authors.
    """

    def model_class(self) -> Any:
        """Gives a loader that reads the published config."""
        return _V1Loader

    def load_processor(self, folder: str) -> Any:
        """Gives the tokenizer; pictures are prepared here."""
        tokenizers: Any = AutoTokenizer
        tokenizer = tokenizers.from_pretrained(folder, local_files_only=True)
        return V1Processor(
            tokenizer,
            picture_px=self.settings.number("picture_px", 1024),
            tile_px=self.settings.number("tile_px", 640),
            max_patches=self.settings.number("max_patches", 9),
        )

    def inputs_of(self, picture: Image.Image, ask: Ask) -> Inputs:
        """Asks in the words of the mode, or in the caller's."""
        words = f"\n{ask.prompt.strip()}" if ask.prompt else PROMPTS[ask.mode]
        return cast("Inputs", self.processor(picture, words.removeprefix(IMAGE_TOKEN)))


class V1Processor:
    """Prepares a picture and a prompt as v1 was trained: a whole view, and crops of large ones."""

    def __init__(self, tokenizer: Any, *, picture_px: int, tile_px: int, max_patches: int) -> None:
        self.tokenizer = tokenizer
        self._picture_px = picture_px
        self._tile_px = tile_px
        self._max_patches = max_patches
        self._pictures = DeepseekOcr2ImageProcessorPil(
            size={"height": picture_px, "width": picture_px},
            tile_size=tile_px,
            max_patches=max(2, max_patches),
        )

    def __call__(self, picture: Image.Image, words: str) -> dict[str, Any]:
        """Gives the tensors of one picture, and `patches_grid`, columns and rows of its crops."""
        columns, rows = self.grid_of(picture.width, picture.height)
        prepared: dict[str, Any] = dict(self._pictures(picture, return_tensors="pt"))
        if columns * rows == 0:
            prepared.pop("pixel_values_local", None)
        picture_ids = [_IMAGE_TOKEN_ID] * self.picture_tokens(columns, rows)
        word_ids = self.tokenizer.encode(words, add_special_tokens=False)
        ids = torch.tensor([[_BOS_TOKEN_ID, *picture_ids, *word_ids]])
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": prepared["pixel_values"],
            **{name: value for name, value in prepared.items() if name == "pixel_values_local"},
            "num_local_patches": [columns * rows],
            "patches_grid": [[max(1, columns), max(1, rows)]],
        }

    def grid_of(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Gives columns and rows of the crops of a picture of this size; `(0, 0)` = no crops."""
        if self._max_patches < 2 or max(width_px, height_px) <= self._tile_px:
            return 0, 0
        tile = (self._tile_px, self._tile_px)
        return get_optimal_tiled_canvas((height_px, width_px), tile, 2, self._max_patches)

    def picture_tokens(self, columns: int, rows: int) -> int:
        """Gives how many tokens stand for a picture: each row of features ends in a newline."""
        side = self._picture_px // _PATCH_PX
        local = self._tile_px // _PATCH_PX
        crops = rows * local * (columns * local + 1) if columns * rows else 0
        return side * (side + 1) + 1 + crops


class _V1Loader:
    """Stands for the model's class: reads a folder of v1."""

    @staticmethod
    def from_pretrained(folder: str, **options: Any) -> Any:
        """Loads v1's weights under the config of its twin."""
        config = twin_config(config_of(Path(folder)))
        twin: Any = UnlimitedOcrForConditionalGeneration
        return twin.from_pretrained(folder, config=config, **options)


def twin_config(published: Mapping[str, object]) -> UnlimitedOcrConfig:
    """Gives the config of Unlimited-OCR for the published config of v1 (`deepseek_vl_v2`).

    Args:
        published: Its decoder in `language_config`, or beside the rest; the parts that see are
            SAM-ViT-B and CLIP-L/14, as in all published checkpoints, unless `vision_config` has
            them in the twin's words.
    """
    if published.get("model_type") == "unlimited_ocr":
        twin: Any = UnlimitedOcrConfig
        return cast("UnlimitedOcrConfig", twin.from_dict(dict(published)))
    inner = published.get("language_config")
    decoder = {**published, **cast("Mapping[str, object]", inner or {})}
    text = {name: value for name, value in decoder.items() if name in _DECODER_VALUES}
    layers = int(str(text.get("num_hidden_layers", 12)))
    text["layer_types"] = ["full_attention"] * layers
    seeing = cast("Mapping[str, object]", published.get("vision_config") or {})
    known = {name: seeing[name] for name in ("sam_config", "encoder_config") if name in seeing}
    return UnlimitedOcrConfig(
        text_config=text,
        vision_config=known,
        image_token_id=_IMAGE_TOKEN_ID,
        tie_word_embeddings=False,
    )
