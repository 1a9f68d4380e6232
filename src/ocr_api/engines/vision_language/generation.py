"""Generates the answers of a batch: greedy, told while they grow, ended row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig

from ocr_api.engines.vision_language.batches import Inputs, encode_batch
from ocr_api.engines.vision_language.ngram_guard import NgramGuard, NgramRule
from ocr_api.engines.vision_language.repetition import find_loop
from ocr_api.engines.vision_language.streaming import BatchStreamer, OnAnswer, RowStops

_CONFIG: Any = GenerationConfig


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated; always greedy.

    Attributes:
        max_new_tokens: An answer that is longer is cut, and flagged `truncated`.
        end_tokens: Token ids that end an answer.
        pad_token_id: Fills the batch.
        ngram_rule: Keeps the model from repeating itself; None = nothing does.
        keeps_special: Whether the answer's text keeps special tokens, such as those of grounding.
    """

    max_new_tokens: int
    end_tokens: frozenset[int]
    pad_token_id: int
    ngram_rule: NgramRule | None = None
    keeps_special: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to one picture.

    Attributes:
        text: One round only, where it went round in circles.
        flags: `truncated`, `repetition`, `stopped`.
    """

    text: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told and asked while answers grow; both by row."""

    on_answer: OnAnswer
    should_stop: Callable[[int], bool]


@torch.inference_mode()
def generate(
    model: Any,
    tokenizer: Any,
    singles: Sequence[Inputs],
    decoding: Decoding,
    listeners: Listeners,
) -> list[Answer]:
    """Gives one answer a picture, in order.

    Args:
        model: Loaded, on its device.
        tokenizer: The model's.
        singles: A processor's inputs for each picture alone, on the model's device.
        decoding: See `Decoding`.
        listeners: See `Listeners`.
    """
    batch = encode_batch(model, singles, decoding.pad_token_id)

    def decode(tokens: list[int]) -> str:
        return str(tokenizer.decode(tokens, skip_special_tokens=not decoding.keeps_special))

    streamer = BatchStreamer(len(singles), decoding.end_tokens, decode, listeners.on_answer)
    stops = RowStops(streamer, listeners.should_stop, lambda tokens: find_loop(tokens) is not None)
    rule = decoding.ngram_rule
    model.generate(
        **batch.inputs,
        generation_config=_greedy(decoding),
        stopping_criteria=[stops],
        logits_processor=[NgramGuard(rule, batch.prompt_tokens)] if rule else [],
        streamer=streamer,
    )
    return [
        _answer(row.tokens, stops.reasons.get(index), decode, is_done=row.is_done)
        for index, row in enumerate(streamer.rows)
    ]


def _greedy(decoding: Decoding) -> Any:
    return _CONFIG(
        do_sample=False,
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=sorted(decoding.end_tokens),
        pad_token_id=decoding.pad_token_id,
    )


def _answer(
    tokens: list[int],
    reason: str | None,
    decode: Callable[[list[int]], str],
    *,
    is_done: bool,
) -> Answer:
    if reason is None and is_done:
        return Answer(decode(tokens))
    loop = find_loop(tokens)
    if loop is not None and reason != "stopped":
        return Answer(decode(tokens[: loop.end]), ("repetition",))
    return Answer(decode(tokens), (reason or "truncated",))
