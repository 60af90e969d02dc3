"""Padding by any amounts, negative ones among them, is PyTorch's."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.export.capture.decompositions.table import Decompositions
from tests.helpers.hub import capture_and_compare, operators


def padded(x: Tensor, amounts: list[int], mode: str) -> Tensor | None:
    """What PyTorch gives; None for what it refuses, or for nothing at all."""
    more = {"value": 0.7} if mode == "constant" else {}
    try:
        result = F.pad(x, amounts, mode, **more)
    except RuntimeError:
        return None
    return result if result.numel() else None


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 5, 8)])
def test_random_amounts(shape: tuple[int, ...], mode: str) -> None:
    rng = random.Random(repr(shape) + mode)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    compared = 0
    for _ in range(60):
        axes = rng.randint(1, len(shape)) if mode == "constant" else len(shape) - 2
        amounts = [rng.randint(-3, 4) for _ in range(2 * axes)]
        wanted = padded(x, amounts, mode)
        if wanted is None:
            continue
        with Decompositions():
            got = padded(x, amounts, mode)
        if got is None:  # more than once around what is left: PyTorch copies what it never wrote
            assert mode == "circular"
            continue
        assert torch.equal(got, wanted), amounts
        compared += 1
    assert compared > 10


class Padded(nn.Module):
    def __init__(self, amounts: tuple[int, ...], mode: str = "constant") -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.amounts, self.mode = amounts, mode

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(self.conv(x), self.amounts, self.mode)


def test_a_crop_is_a_slice() -> None:
    found = operators(capture_and_compare(Padded((-1, -2, 0, -3))))
    assert found == ["Conv", "Slice", "Slice"]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
def test_a_crop_at_one_end_and_padding_at_the_other(mode: str) -> None:
    found = operators(capture_and_compare(Padded((-1, 2, 3, -2), mode)))
    assert set(found) == {"Conv", "Pad", "Slice"}


def test_a_circle_is_closed_around_what_cropping_left() -> None:
    capture_and_compare(Padded((2, -1, -2, 3), "circular"))
