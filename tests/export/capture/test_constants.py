"""What hangs on sizes alone is a constant, with PyTorch's own values and types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.hub import Over, capture_and_compare, operators


def grid_of_whole_numbers(x: Tensor) -> Tensor:
    """The exporter calls the sum of whole numbers and a half double."""
    height, width = x.shape[-2:]
    y, x_ = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return x + torch.stack([x_, y, x_ * 2, y / 3])[None]


def filled(x: Tensor) -> Tensor:
    grid = torch.zeros(x.shape[1:])
    grid[0] = 3.0
    grid[1, :, 1:] += torch.linspace(0, 1, x.shape[-1] - 1)
    return x * grid


def written_into(x: Tensor) -> Tensor:
    """A constant is none any more once what hangs on the input was written into it."""
    held = torch.zeros(x.shape)
    held.add_(x)
    return held * 2


def written_through_a_view(x: Tensor) -> Tensor:
    held = torch.zeros(x.shape)
    held[:, 0].add_(x[:, 1])
    return held + x


@pytest.mark.parametrize(("then", "left"), [(grid_of_whole_numbers, {"Add"}), (filled, {"Mul"})])
def test_what_hangs_on_sizes_alone_is_a_constant(
    then: Callable[[Tensor], Tensor], left: set[str]
) -> None:
    assert (
        set(operators(capture_and_compare(Over(then, nn.Conv2d(3, 4, 3, 2, 1))))) == {"Conv"} | left
    )


@pytest.mark.parametrize("then", [written_into, written_through_a_view])
def test_what_is_written_into_is_computed(then: Callable[[Tensor], Tensor]) -> None:
    capture_and_compare(Over(then, nn.Conv2d(3, 4, 3, 2, 1)))
