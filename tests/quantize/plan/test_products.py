"""Which operand of a product takes a symmetric grid, and what the files make of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export import tflite
from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.partitions import partitions
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.plan.products import symmetric_params
from tests.quantize.nets import hub, photos

Tails = Callable[[Tensor, Tensor], Tensor]


class Tail(nn.Module):
    """Tokens of two convolutions, of which one's are not negative, then what is under test."""

    def __init__(self, tail: Tails) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem, self.other = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(3, 8, 3, 2, 1)
        self.tail = tail

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.stem(x).flatten(2), self.other(x).relu().flatten(2))


def attention(x: Tensor, y: Tensor) -> Tensor:
    keys = x.transpose(1, 2)
    return functional.scaled_dot_product_attention(keys, keys * 2, y.transpose(1, 2))


def plan_of(tail: Tails, path: Path) -> tuple[Plan, list[tuple[int, int]]]:
    """The plan, and the zero points with which the file's products read their operands."""
    model = hub(Tail(tail))
    plan = build_plan(model, observe(model, photos(4)), PlanConfig(ranges="minmax"))
    tflite.write(model, path, "int8", plan)
    file = read(path)
    assert partitions(file).delegated == 1, partitions(file)
    found = []
    for operator in file.operators:
        if operator.code == "BATCH_MATMUL":
            first, second = (int(t.zero_point[0]) for t in operator.inputs if t is not None)
            found.append((first, second))
    return plan, found


TAILS: dict[str, Tails] = {
    "signed": lambda x, y: x @ (x + y).transpose(1, 2),
    "second never negative": lambda x, y: x @ y.transpose(1, 2),
    "both never negative": lambda x, y: y @ (x + 0.5).relu().transpose(1, 2),
    "second prescribed": lambda x, y: y @ torch.sigmoid(x).transpose(1, 2),
    "attention": attention,
    "one of another rank": lambda x, y: x.reshape(8, 36) @ y.reshape(1, 2, 36, 4),
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=list(TAILS))
def test_the_file_s_second_operand_lies_at_zero_point_0(tail: Tails, tmp_path: Path) -> None:
    _, products = plan_of(tail, tmp_path / "n.tflite")
    assert products
    assert all(second == 0 for _, second in products)


def test_the_operand_that_loses_least_is_taken(tmp_path: Path) -> None:
    _, products = plan_of(TAILS["second never negative"], tmp_path / "n.tflite")
    ((first, second),) = products
    assert (first, second) == (-128, 0)


def test_other_readers_of_an_operand_keep_its_grid(tmp_path: Path) -> None:
    def tail(x: Tensor, y: Tensor) -> Tensor:
        return y @ (y + 0.5).relu().transpose(1, 2) + y.mean(2, keepdim=True)

    plan, products = plan_of(tail, tmp_path / "n.tflite")
    assert [second for _, second in products] == [0]
    assert {edge.consumer for edge in plan.requantize} <= {"matmul"}
    assert int(plan.activations["relu"].zero_point) == -128


def test_a_symmetric_grid_reaches_the_farther_end() -> None:
    for interval in ((-2.0, 3.0), (-4.0, 1.0), (0.0, 0.0), (0.0, 1e-9)):
        grid = symmetric_params(interval)
        assert int(grid.zero_point) == 0
        assert np.float64(grid.scale) * 127.001 >= max(map(abs, interval))
