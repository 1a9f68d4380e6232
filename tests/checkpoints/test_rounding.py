"""Training rounds weights as 4-bit loading does, and only while it is told to."""

from __future__ import annotations

from typing import Any

import bitsandbytes.functional as quantizing
import torch

from tests.checkpoints.train.rounding import Rounding


def test_rounded_weights_are_those_of_nf4() -> None:
    quantize: Any = quantizing.quantize_4bit
    dequantize: Any = quantizing.dequantize_4bit
    weight = torch.randn(64, 128, generator=torch.Generator().manual_seed(1))
    rounding = Rounding()
    rounding.is_on = True

    expected = dequantize(*quantize(weight, blocksize=64, quant_type="nf4"))

    torch.testing.assert_close(rounding(weight), expected, atol=1e-5, rtol=1e-5)


def test_weights_stay_as_they_are_until_rounding_is_switched_on() -> None:
    weight = torch.randn(64, 64)

    assert Rounding()(weight) is weight


def test_gradients_pass_the_rounding() -> None:
    weight = torch.randn(64, 64, requires_grad=True)
    rounding = Rounding()
    rounding.is_on = True

    rounding(weight).sum().backward()

    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones_like(weight))
