"""Pages as tensors: what is asked, what is seen, what shall be answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from tests.checkpoints.asking import ask
from tests.checkpoints.train.rendering import answer, draw
from tests.checkpoints.train.sheets import MARKDOWN, SHEETS, TEXT
from tests.checkpoints.train.variations import vary

NO_LABEL = -100
"""What the loss leaves out (torch's convention)."""
_TEXTUAL = frozenset({"input_ids", "attention_mask", "mm_token_type_ids"})


@dataclass(frozen=True, slots=True)
class Pupil:
    """A model to train.

    Attributes:
        name: `got`, `qari` or `deepseek`.
        model: Of the class that the service loads, freshly made.
        processor: Of the class that the service loads.
        ending: The token that ends an answer.
        image_token_id: The token that stands for a piece of the image.
        steps: Most steps of training.
        whole: Parts of the model that quantization leaves whole: prefixes of full paths.
    """

    name: str
    model: Any
    processor: Any
    ending: str
    image_token_id: int
    steps: int
    whole: tuple[str, ...]

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The processor's."""
        tokenizer: PreTrainedTokenizerFast = self.processor.tokenizer
        return tokenizer


@dataclass(frozen=True, slots=True)
class Lesson:
    """One page in one mode.

    Attributes:
        prompt_ids: `(tokens,)`.
        answer_ids: `(tokens,)`, the end token last, unless the answer is endless.
        views: What the model is given to see: the clean page first, then variations of it.
    """

    prompt_ids: Tensor
    answer_ids: Tensor
    views: tuple[dict[str, Tensor], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Lessons side by side: prompts end in one column, answers begin in the next.

    Attributes:
        inputs: What the model's `forward` takes.
        labels: `(lessons, tokens of the longest answer)`.
    """

    inputs: dict[str, Any]
    labels: Tensor


def make_lessons(pupil: Pupil, *, views: int, chance: Random) -> tuple[Lesson, ...]:
    """All pages of a model in all their modes, each with this many views."""
    lessons = []
    for sheet in SHEETS[pupil.name]:
        clean = draw(sheet).image
        images = [clean, *(vary(sheet, chance) for _ in range(views - 1))]
        for mode in (TEXT, MARKDOWN):
            text = answer(sheet, mode)
            if text is None:
                continue
            seen = [ask(pupil.name, pupil.processor, [image], mode) for image in images]
            ending = "" if sheet.is_endless else pupil.ending
            spelled = pupil.tokenizer(text + ending, add_special_tokens=False)
            lessons.append(
                Lesson(
                    seen[0]["input_ids"][0],
                    torch.tensor(spelled.input_ids),
                    tuple({k: v for k, v in one.items() if k not in _TEXTUAL} for one in seen),
                )
            )
    return tuple(lessons)


def collate(pupil: Pupil, lessons: Sequence[Lesson], views: Sequence[int]) -> Batch:
    """One batch of these lessons, each with the view of this number."""
    asked = max(len(lesson.prompt_ids) for lesson in lessons)
    told = max(len(lesson.answer_ids) for lesson in lessons)
    ids = torch.full((len(lessons), asked + told), pupil.tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    labels = torch.full((len(lessons), told), NO_LABEL)
    for row, lesson in enumerate(lessons):
        begin, end = asked - len(lesson.prompt_ids), asked + len(lesson.answer_ids)
        ids[row, begin:end] = torch.cat([lesson.prompt_ids, lesson.answer_ids])
        mask[row, begin:end] = 1
        labels[row, : len(lesson.answer_ids)] = lesson.answer_ids
    inputs = {"input_ids": ids, "attention_mask": mask, "logits_to_keep": told + 1}
    if pupil.name == "qari":  # rotary positions in three directions ask which tokens are image
        inputs["mm_token_type_ids"] = (ids == pupil.image_token_id).int()
    seen = [lesson.views[view] for lesson, view in zip(lessons, views, strict=True)]
    for name in {name for view in seen for name in view}:
        inputs[name] = torch.cat([torch.as_tensor(view[name]) for view in seen if name in view])
    return Batch(inputs, labels)
