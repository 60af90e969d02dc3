"""Layers divided into parts of one factor each: the same function, looked up in int8."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.errors import BundleRefused, UnavailableError
from edgeconv.export.tflite.write import write
from edgeconv.graph.view import constant_of, name_of, shape_of
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import build_plan
from edgeconv.quantize.repair.divide import (
    PARTS,
    Divided,
    divide,
    divide_by_factor,
    divisible_of,
    levels_of,
    repairs_of,
)
from edgeconv.quantize.repair.equalize import scale_swishes
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.quantize.repair.swish import swishes, with_own_arguments
from edgeconv.quantize.repair.tied import reorder, tied_to
from edgeconv.runtime.profiling.litert import operators
from tests.quantize.nets import hub, photos, run_float, sqnr_db
from tests.quantize.repair.test_swish import ACTIVATIONS, Gated


def divided(model: ir.Model) -> tuple[Divided, Repairs]:
    """A net with every swish scaled, and divided where it can be."""
    names = list(swishes(model))
    parted = divisible_of(model, names)
    scaled = scale_swishes(model, observe(model, photos(8)), names, parted)
    done = divide_by_factor(scaled.model, parted)
    return done, repairs_of(done, Repairs(factors=scaled.factors, swishes=tuple(names)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_divided_layers_compute_the_same(seed: int, activation: str) -> None:
    model = hub(Gated(seed, ACTIVATIONS[activation]))
    done, _ = divided(model)
    assert len(done.sizes) == 3
    assert all(len(sizes) == PARTS for sizes in done.sizes.values())
    fresh = photos(8, seed=1)
    assert sqnr_db(run_float(model, fresh), run_float(done.model, fresh)) > 110


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_part_has_one_factor(activation: str) -> None:
    done, _ = divided(hub(Gated(0, ACTIVATIONS[activation])))
    values = {value.name: value for node in done.model.graph for value in node.outputs}
    for tensor, sizes in done.sizes.items():
        found = set()
        for part, size in enumerate(sizes):
            argument = values[f"{tensor}/part{part}/argument"]
            assert shape_of(argument)[1] == size
            factor = constant_of(argument.producer().inputs[1])  # type: ignore[union-attr]
            assert factor is not None
            found.add(factor.item())
        assert len(found) == len(sizes)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_was_done_to_channels_is_told(activation: str) -> None:
    """Each tensor's channels, from what the float net computes and the repairs alone."""
    model = hub(Gated(1, ACTIVATIONS[activation]))
    seen = observe(model, photos(8)).tensors
    done, repairs = divided(model)
    after = observe(done.model, photos(8)).tensors
    read = Repairs.from_json(repairs.to_json())
    assert (read.divided, read.orders) == (repairs.divided, repairs.orders)
    moved = 0
    for name, statistics in seen.items():
        if name in after:
            order = list(repairs.orders.get(name, range(len(statistics.channel_square))))
            k = np.array(repairs.factors.get(name, (1.0,)))
            expected = k**2 * statistics.channel_square[order]
            np.testing.assert_allclose(after[name].channel_square, expected, 1e-3, 1e-9)
            moved += order != sorted(order)
    assert moved >= 4


def test_xnnpack_looks_parts_up(tmp_path: Path) -> None:
    """Where a factor a channel makes two products of a swish, parts have none."""
    model = hub(Gated(0))
    names = divisible_of(model, swishes(model))
    scaled = scale_swishes(model, observe(model, photos(8)), names, names).model

    def products(graph: ir.Model, name: str) -> int:
        write(graph, tmp_path / name, "int8", build_plan(graph, observe(graph, photos(8))))
        try:
            kinds = [kind for kind, _ in operators(tmp_path / name, 1, 0, 1)]
        except UnavailableError as error:
            pytest.skip(str(error))
        return sum("Multiply" in kind for kind in kinds)

    plain = products(model, "plain")
    assert products(scaled, "scaled") == plain + 2 * len(names)
    assert products(divide_by_factor(scaled, names).model, "divided") == plain


class Residual(nn.Module):
    """Channels that two sums tie, one of them around a layer that reads and writes them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.stem, self.same = nn.Conv2d(3, 12, 1), nn.Conv2d(12, 12, 3, padding=1)
        self.apart = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.norm, self.head = nn.Parameter(torch.rand(1, 12, 1, 1)), nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = x + torch.relu(self.same(x))
        x = nn.functional.max_pool2d(x + self.apart(x) * self.norm, 2)
        return self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


class Mixed(nn.Module):
    """Channels behind which something does not keep them apart."""

    def __init__(self, mix: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.stem, self.head, self.mix = nn.Conv2d(3, 12, 1), nn.LazyConv2d(5, 1), mix

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.mix(torch.relu(self.stem(x)))).mean((2, 3))


def first_layers(model: ir.Model) -> ir.Value:
    return next(node for node in model.graph if node.op_type == "Conv").outputs[0]


@pytest.mark.parametrize("module", [Residual(), Gated(3)], ids=["sums", "gates"])
def test_any_order_computes_the_same(module: nn.Module) -> None:
    model, fresh = hub(module), photos(4)
    reference = run_float(model, fresh)
    tied = tied_to(first_layers(model))
    assert tied is not None
    order = np.random.default_rng(0).permutation(shape_of(first_layers(model))[1])
    reorder(model, tied, order)
    assert sqnr_db(reference, run_float(model, fresh)) > 110


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: torch.cat([x, x], 1),
        lambda x: nn.functional.channel_shuffle(x, 3),
        lambda x: nn.functional.pixel_shuffle(x, 2),
        lambda x: x.transpose(1, 2),
        lambda x: torch.softmax(x, 1),
        lambda x: x * torch.arange(12.0),
    ],
    ids=["concat", "shuffle", "pixels", "transpose", "softmax", "columns"],
)
def test_channels_that_are_mixed_keep_their_order(
    mix: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    module = Mixed(mix)
    module(torch.zeros(1, 3, 12, 12))
    model = hub(module)
    tied = tied_to(first_layers(model))
    if tied is not None:  # then it must be right
        reference = run_float(model, photos(2))
        reorder(model, tied, np.arange(12)[::-1])
        assert sqnr_db(reference, run_float(model, photos(2))) > 110


def test_levels_are_the_closest() -> None:
    draw = np.random.default_rng(1)
    for _ in range(20):
        factors = np.exp(draw.normal(size=7))
        logs, order = np.log(factors), np.argsort(factors)

        def spread(ends: tuple[int, ...], logs: np.ndarray = logs[order]) -> float:
            return sum(float(part.var() * len(part)) for part in np.split(logs, ends))

        least = min(spread(ends) for ends in combinations(range(1, 7), 2))
        levels = levels_of(factors, 3)
        assert len(np.unique(levels)) == 3
        np.testing.assert_allclose(((np.log(levels) - logs) ** 2).sum(), least)
    np.testing.assert_allclose(levels_of(np.array([2.0, 2.0, 4.0]), 3), [2.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("sizes", "order"),
    [
        ((3, 4), range(7)),
        ((16,), range(15)),
        ((8, 8), (0, *range(15))),
        ((17, -1), range(16)),
        ((16, 0), range(16)),
        ((), range(16)),
    ],
)
def test_divisions_of_other_channels_are_refused(
    sizes: tuple[int, ...], order: tuple[int, ...]
) -> None:
    model = hub(Gated(0))
    tensor = divisible_of(model, swishes(model))[0]
    whole = with_own_arguments(model, [tensor])
    with pytest.raises(BundleRefused, match="divide"):
        divide(whole, {tensor: sizes}, {tensor: tuple(order)})
    with pytest.raises(BundleRefused, match="divide"):
        divide(whole, {"nowhere": (16,)}, {"nowhere": tuple(range(16))})
    with pytest.raises(BundleRefused, match="divide"):
        other = name_of(next(iter(model.graph)).outputs[0])
        divide(whole, {other: (8,)}, {other: tuple(range(8))})
