"""Three more architectures are written, loaded by the auto classes, and generate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from tests.checkpoints.random_models import RANDOM_MODELS
from tests.checkpoints.reading import open_page

_MESSAGES = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Read."}]}]


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning:transformers")
@pytest.mark.parametrize("name", RANDOM_MODELS)
def test_random_model_answers_through_the_auto_classes(name: str, tmp_path: Path) -> None:
    RANDOM_MODELS[name](tmp_path)
    processors: Any = AutoProcessor
    processor = processors.from_pretrained(tmp_path)
    model: Any = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.bfloat16)
    prompt = processor.apply_chat_template(_MESSAGES, add_generation_prompt=True, tokenize=False)

    answers = []
    for files in (["got-invoice.png"], ["got-invoice.png", "qari-poem.png"]):
        images = [[open_page(file)] for file in files]
        asked = processor(
            images=images, text=[prompt] * len(files), padding=True, return_tensors="pt"
        ).to(torch.bfloat16)
        with torch.inference_mode():
            ids = model.generate(**asked, max_new_tokens=6, do_sample=False)
        answers.append(ids[0, asked["input_ids"].shape[1] :].tolist())

    assert len(answers[0]) > 0
    assert answers[0] == answers[1][: len(answers[0])]
