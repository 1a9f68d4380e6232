"""Weights as 4-bit quantization leaves them, so that a model can learn to live with it.

A model of half a million parameters has none to spare: rounded to 4 bits after training it
misreads pages. So half of the training steps see rounded weights; gradients pass the rounding
as if it weren't there (the straight-through estimator, arXiv:1308.3432).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tests.checkpoints.train.lessons import Pupil

_BLOCK = 64
"""Weights that share one scale, as in bitsandbytes."""
_EXPERTS = ("gate_up_proj", "down_proj")
"""The weights of fused experts, which are no linear layers."""
_LEVELS = (
    *(-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0),
)
"""The 16 values of nf4 (QLoRA, arXiv:2305.14314, appendix E)."""


class Rounding(nn.Module):
    """A parametrization that rounds a weight to nf4 while it is switched on."""

    levels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.is_on = False
        self.register_buffer("levels", torch.tensor(_LEVELS), persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, rounded or as it is."""
        if not self.is_on:
            return weight
        blocks = weight.detach().reshape(-1, _BLOCK)
        scales = blocks.abs().amax(dim=1, keepdim=True).clamp(min=1e-8)
        middles = (self.levels[1:] + self.levels[:-1]) / 2
        rounded = self.levels[torch.bucketize(blocks / scales, middles)] * scales
        return weight + (rounded.reshape(weight.shape) - weight).detach()


@contextmanager
def may_be_rounded(pupil: Pupil) -> Iterator[list[Rounding]]:
    """Within, the weights that 4-bit loading would round can be; afterwards they are plain again.

    Yields the switches, all off.
    """
    places = list(_places(pupil))
    switches = []
    for module, name in places:
        switches.append(Rounding())
        parametrize.register_parametrization(module, name, switches[-1])
    try:
        yield switches
    finally:
        for module, name in places:
            for switch in switches:
                switch.is_on = False
            parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def _places(pupil: Pupil) -> Iterator[tuple[nn.Module, str]]:
    model = cast("nn.Module", pupil.model)
    for path, module in model.named_modules():
        if path.startswith(pupil.whole):
            continue
        if isinstance(module, nn.Linear):
            yield module, "weight"
        for name in _EXPERTS:
            if isinstance(getattr(module, name, None), nn.Parameter):
                yield module, name
