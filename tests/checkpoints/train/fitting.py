"""The training loop: teacher forcing until every token is answered with a margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

from tests.checkpoints.train.lessons import NO_LABEL, Batch, Lesson, Pupil, collate
from tests.checkpoints.train.rounding import Rounding, may_be_rounded

_BATCH = 16
_RATE = 2e-3
_WARM_UP_STEPS = 60
_FALLING_SHARE = 0.5
"""Of all steps, the last ones, in which the learning rate falls."""
_LEAST_RATE_SHARE = 0.05
_CLEAN_SHARE = 0.25
"""How often the page itself is shown instead of a variation."""
_ROUNDED_SHARE = 0.5
_LONG_SHARE = 0.25
"""How often lessons with long prompts (pages in tiles) take part: they slow down a whole batch."""
_LONG_BATCH = 6
_CHECK_STEPS = 50
_MARGIN = 6.0
"""How far the right token's logit must lead on clean pages, with plain and rounded weights."""

Telling = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Margins:
    """The smallest lead of a right token over the next best (below 0: a page is misread)."""

    plain: float
    rounded: float


def fit(pupil: Pupil, lessons: Sequence[Lesson], chance: Random, tell: Telling) -> Margins:
    """Trains until all margins are reached, or the pupil's steps are used up.

    Args:
        pupil: What to train, in place.
        lessons: What to learn.
        chance: Chooses lessons and views.
        tell: Takes a line of progress now and then.
    """
    weights = [weight for weight in pupil.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    margins = Margins(float("-inf"), float("-inf"))
    with may_be_rounded(pupil) as switches:
        for step in range(pupil.steps):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * _rate_share(step / pupil.steps, step)
            _switch(switches, is_on=chance.random() < _ROUNDED_SHARE)
            loss = _loss(pupil, _choose(pupil, lessons, chance))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(pupil.model.parameters(), 1.0)
            optimizer.step()
            if (step + 1) % _CHECK_STEPS == 0:
                margins = _margins(pupil, lessons, switches)
                tell(f"{pupil.name}: step {step + 1}, loss {loss.item():.4f}, {margins}")
                if min(margins.plain, margins.rounded) >= _MARGIN:
                    break
    return margins


def _rate_share(progress: float, step: int) -> float:
    warmed = min(1.0, (step + 1) / _WARM_UP_STEPS)
    falling = min(1.0, (1 - progress) / _FALLING_SHARE)
    return warmed * max(_LEAST_RATE_SHARE, falling)


def _choose(pupil: Pupil, lessons: Sequence[Lesson], chance: Random) -> Batch:
    shortest = min(len(lesson.prompt_ids) for lesson in lessons)
    short = [lesson for lesson in lessons if len(lesson.prompt_ids) < 2 * shortest]
    long = [lesson for lesson in lessons if len(lesson.prompt_ids) >= 2 * shortest]
    if long and chance.random() < _LONG_SHARE:
        chosen = chance.sample(long, min(_LONG_BATCH // 2, len(long)))
        chosen += chance.sample(short, _LONG_BATCH - len(chosen))
    else:
        chosen = chance.sample(short, min(_BATCH, len(short)))
    views = [
        0 if chance.random() < _CLEAN_SHARE else chance.randrange(len(lesson.views))
        for lesson in chosen
    ]
    return collate(pupil, chosen, views)


def _loss(pupil: Pupil, batch: Batch) -> Tensor:
    logits = _logits(pupil, batch)
    return functional.cross_entropy(
        logits.flatten(0, 1), batch.labels.flatten(), ignore_index=NO_LABEL
    )


def _logits(pupil: Pupil, batch: Batch) -> Tensor:
    logits: Tensor = pupil.model(**batch.inputs).logits
    return logits[:, :-1].float()


def _margins(pupil: Pupil, lessons: Sequence[Lesson], switches: Sequence[Rounding]) -> Margins:
    batch = collate(pupil, lessons, [0] * len(lessons))
    found = []
    for is_on in (False, True):
        _switch(switches, is_on=is_on)
        with torch.inference_mode():
            found.append(_margin(_logits(pupil, batch), batch.labels))
    return Margins(*found)


def _margin(logits: Tensor, labels: Tensor) -> float:
    asked = labels != NO_LABEL
    right = labels.clamp(min=0).unsqueeze(-1)
    lead = logits.gather(-1, right).squeeze(-1) - logits.scatter(-1, right, -1e9).amax(-1)
    return round(lead[asked].min().item(), 2)


def _switch(switches: Sequence[Rounding], *, is_on: bool) -> None:
    for switch in switches:
        switch.is_on = is_on
