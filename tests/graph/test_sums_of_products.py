"""Products with vectors, and sums of stacks, in forms that both kinds of files have."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.helpers.hub import Over, capture_and_compare, operators


def mean_over_bins(x: Tensor) -> Tensor:
    """As NanoDet's integral."""
    bins = x.flatten(2).transpose(1, 2).unflatten(-1, (2, 4)).softmax(-1)
    return F.linear(bins, torch.linspace(0, 3, 4))


@pytest.mark.parametrize(
    "then",
    [
        mean_over_bins,
        lambda x: x.flatten(2).transpose(1, 2) @ torch.linspace(-1, 1, 8),
        lambda x: torch.linspace(-1, 1, 8) @ x.flatten(2),
        lambda x: x.mean((0, 2, 3)) @ x.flatten(2),
        lambda x: x.mean((0, 2, 3)) @ x.amax((0, 2, 3)) * x,
    ],
)
def test_every_operand_of_a_product_is_a_matrix(then: Callable[[Tensor], Tensor]) -> None:
    model = capture_and_compare(Over(then))
    products = [node for node in model.graph if node.op_type in ("MatMul", "Gemm")]
    assert products
    assert all(len(v.shape) >= 2 for node in products for v in node.inputs[:2])


@pytest.mark.parametrize("axis", [-1, 0, 2])
@pytest.mark.parametrize("keep", [False, True])
def test_a_sum_of_stacked_tensors_adds_them_up(axis: int, keep: bool) -> None:
    model = capture_and_compare(
        Over(lambda x: torch.stack([x * 0.3, x.abs(), x * x], axis).sum(axis, keepdim=keep))
    )
    assert {"ReduceSum", "Concat"}.isdisjoint(operators(model))


@pytest.mark.parametrize(
    "then",
    [
        lambda x: torch.cat([x, x.abs()], 1).sum(1),
        lambda x: torch.stack([x, x.abs()], -1).sum((2, -1)),
        lambda x: torch.stack([x, x.abs()], -1).sum(1),
    ],
)
def test_other_sums_stay(then: Callable[[Tensor], Tensor]) -> None:
    assert "ReduceSum" in operators(capture_and_compare(Over(then)))
