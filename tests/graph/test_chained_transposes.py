"""Chains of reshapes and transposes are one transpose, of the same values."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from tests.helpers.hub import operators, run_hub

SIZES = (
    (1, 12, 8, 6),
    (2, 6, 8, 6),
    (12, 48),
    (4, 3, 2, 24),
    (96, 6),
    (3, 4, 2, 2, 12),
    (576,),
)


class Chain(nn.Module):
    """Between two sums, what a list of shapes and permutations does."""

    def __init__(self, *moves: tuple[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.moves = moves

    def forward(self, x: Tensor) -> Tensor:
        y = x + 1
        for kind, numbers in self.moves:
            y = y.reshape(numbers) if kind == "reshape" else y.permute(numbers)
        return y * 2


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    shape: tuple[int, ...] = SIZES[0]
    moves: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(draw(st.integers(2, 5))):
        if draw(st.booleans()):
            shape = draw(st.sampled_from(SIZES))
            moves.append(("reshape", shape))
        else:
            order = tuple(draw(st.permutations(range(len(shape)))))
            shape = tuple(shape[axis] for axis in order)
            moves.append(("permute", order))
    return Chain(*moves)


def same(net: nn.Module) -> list[str]:
    """The operators of a net, which give PyTorch's values."""
    model = capture(net, torch.zeros(SIZES[0]), name="net")
    x = torch.randn(SIZES[0], generator=torch.Generator().manual_seed(2))
    (found,) = run_hub(model, x.numpy()).values()
    assert np.array_equal(found, net(x).numpy())
    return operators(model)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(chains())
def test_any_chain_gives_the_same_values(net: Chain) -> None:
    same(net)


def test_patches_cut_by_hand_take_one_transpose() -> None:
    """MobileViT's: of each 2 x 2 pixels, all at one place are a sequence."""
    unfold = (
        ("reshape", (12 * 4, 2, 3, 2)),
        ("permute", (0, 2, 1, 3)),
        ("reshape", (1, 12, 12, 4)),
        ("permute", (0, 3, 2, 1)),
        ("reshape", (4, 12, 12)),
    )
    assert same(Chain(*unfold)).count("Transpose") == 1


def test_a_chain_that_leads_back_is_none() -> None:
    there = (("permute", (0, 2, 3, 1)), ("reshape", (48, 12)), ("reshape", (1, 8, 6, 12)))
    assert same(Chain(*there, ("permute", (0, 3, 1, 2)))) == ["Add", "Mul"]


def test_what_is_read_in_between_stays() -> None:
    class Read(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = (x + 1).permute(0, 2, 3, 1)
            return y.reshape(48, 12).permute(1, 0) * 2, y.exp()

    assert operators(capture(Read(), torch.zeros(SIZES[0]), name="net")).count("Transpose") == 2
