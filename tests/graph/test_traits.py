"""What rows claim of an operator's function is what onnxruntime computes for it, in float."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

from edgeconv.graph.operators.operator import UNBOUNDED, Operator
from edgeconv.graph.operators.table import OPERATORS
from edgeconv.graph.view import constant_of
from tests.export.tflite import graphs
from tests.graph.test_engines import cases_of

Array = NDArray[np.float32]
ROWS = list(OPERATORS.values())
#: How far float32 kernels are off.
ROUNDING = 1e-6


def claiming(*traits: str) -> pytest.MarkDecorator:
    """The rows that claim something by one of these traits."""
    claims = {
        "homogeneous": lambda row: row.homogeneous,
        "sign": lambda row: row.sign != "any",
        "bounds": lambda row: row.bounds != UNBOUNDED,
        "values": lambda row: row.values != "computed",
        "channels": lambda row: row.channels in ("alike", "apart"),
    }
    rows = [row for row in ROWS if any(claims[trait](row) for trait in traits)]
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


def models(row: Operator) -> Iterator[tuple[ir.Model, dict[str, Array]]]:
    """Graphs of that operator alone, with inputs."""
    for case in cases_of()[row.name]:
        yield case.model, case.inputs


def constants(model: ir.Model) -> list[Array]:
    """The reals among a graph's constants."""
    arrays = [constant_of(value) for value in model.graph.initializers.values()]
    return [array for array in arrays if array is not None and array.dtype == np.float32]


def given(model: ir.Model, inputs: dict[str, Array]) -> Array:
    """All reals that a graph gives, flat; where it gives none, what else it does."""
    found = graphs.reference(model, inputs).values()
    reals = [array for array in found if array.dtype == np.float32]
    return np.concatenate([array.reshape(-1) for array in reals or found])


@claiming("homogeneous")
def test_twice_of_everything_gives_twice(row: Operator) -> None:
    for model, inputs in models(row):
        if (row.operands or row.channels == "paired") and constants(model):
            continue  # a constant operand is not doubled
        doubled = given(model, {name: 2 * array for name, array in inputs.items()})
        np.testing.assert_allclose(doubled, 2 * given(model, inputs), rtol=1e-5, atol=1e-5)


@claiming("sign")
def test_signs(row: Operator) -> None:
    for model, inputs in models(row):
        if row.sign == "kept":
            inputs = {name: np.abs(array) for name, array in inputs.items()}
            if any((array < 0).any() for array in constants(model)):
                continue
        assert given(model, inputs).min() >= 0


@claiming("bounds")
def test_no_value_leaves_the_bounds(row: Operator) -> None:
    for model, inputs in models(row):
        found = given(model, inputs)
        assert row.bounds[0] - ROUNDING <= found.min()
        assert found.max() <= row.bounds[1] + ROUNDING


@claiming("values")
def test_values_are_those_that_are_read_or_means_of_them(row: Operator) -> None:
    for model, inputs in models(row):
        found = given(model, inputs)
        read = np.concatenate([a.reshape(-1) for a in (*inputs.values(), *constants(model))])
        if row.values == "copied":
            np.testing.assert_array_equal(np.sort(found), np.sort(read))
        elif row.values == "chosen":
            assert np.isin(found, read).all()
        else:  # where a pool counts padding, zero is among them
            assert min(read.min(), 0) <= found.min()
            assert found.max() <= max(read.max(), 0)


@claiming("channels")
def test_channels_keep_to_themselves(row: Operator) -> None:
    for model, inputs in models(row):
        (name, x), *_ = inputs.items()
        (before,) = graphs.reference(model, inputs).values()
        if x.ndim != 4 or before.shape[:2] != x.shape[:2]:
            continue
        others = x.copy()
        others[:, 0] = 1.0
        (after,) = graphs.reference(model, {**inputs, name: others}).values()
        np.testing.assert_array_equal(after[:, 1:], before[:, 1:])
        if row.channels == "alike":
            (turned,) = graphs.reference(model, {**inputs, name: x[:, ::-1].copy()}).values()
            np.testing.assert_array_equal(turned[:, ::-1], before)


def test_integers_move_only_where_values_do() -> None:
    assert all(row.values != "computed" for row in ROWS if row.scales in ("moved", "joined"))
