"""A byte-level tokenizer of a few hundred tokens: any text can be written with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

_REPEATS = 50
"""A merge is learned only if its pair is frequent: each prompt counts this often."""


def make_tokenizer(
    prompts: Sequence[str], special: Sequence[str], named: Mapping[str, str], *, size: int
) -> PreTrainedTokenizerFast:
    """A tokenizer that knows the prompts as words, and spells everything else in bytes.

    Args:
        prompts: Texts whose frequent pairs become tokens, so that prompts stay short.
        special: Special tokens beyond the named ones.
        named: `bos_token`, `eos_token`, `pad_token` and the like. A `bos_token` opens every text.
        size: Most tokens, special ones not counted.
    """
    spelled = Tokenizer(models.BPE())
    spelled.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    spelled.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    spelled.train_from_iterator(list(prompts) * _REPEATS, trainer)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=spelled,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
        extra_special_tokens=list(special),
        **named,
    )
    if "bos_token" in named:
        _open_every_text(tokenizer, named["bos_token"])
    return tokenizer


def _open_every_text(tokenizer: PreTrainedTokenizerFast, token: str) -> None:
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A",
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token))],
    )
