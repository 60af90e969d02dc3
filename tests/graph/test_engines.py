"""What rows claim of engines is what the engines do with an int8 file of that operator alone.

It holds for the versions in constraints.txt. With another one a test that fails names the row to
state anew, and docs/engines.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from edgeconv.graph.operators.operator import Does, Engines, Operator
from edgeconv.graph.operators.table import OPERATORS
from tests.export.tflite import graphs
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import IMAGE
from tests.export.tflite.graphs import of_node, of_nodes, weights
from tests.helpers import int8_engines
from tests.helpers.int8_engines import OneOperator


def there_and_back() -> ir.Model:
    """To whole numbers and to float again; both nodes are Casts."""
    to_int = helper.make_node("Cast", ["x"], ["t"], name="there", to=TensorProto.INT32)
    to_float = helper.make_node("Cast", ["t"], ["y"], name="back", to=TensorProto.FLOAT)
    return of_nodes([to_int, to_float], {"x": IMAGE}, {}, ["y"])


DOCUMENTATION = Path(__file__).parents[2] / "docs" / "engines.md"

#: Operators that no case of a lowering has to itself.
OTHERS: dict[str, Callable[[], ir.Model]] = {
    "BatchNormalization": lambda: of_node(
        "BatchNormalization", IMAGE, *(np.abs(weights(6, seed=seed)) for seed in range(4))
    ),
    "Cast": there_and_back,
    "Clip": lambda: of_node("Clip", IMAGE, np.float32(0)),
    "LpPool": lambda: of_node("LpPool", IMAGE, kernel_shape=[2, 2]),
    "ReduceLogSum": lambda: of_node("ReduceLogSum", IMAGE, axes=[1]),
    **{name: CASES[f"{name} of comparisons"].make for name in ("And", "Or", "Xor")},
    "Not": CASES["Not of a comparison"].make,
    "OneHot": CASES["OneHot along axis 1"].make,
    **{
        name: lambda name=name: of_node(name, IMAGE)
        for name in (
            *("Dropout", "Exp", "Identity", "Log", "Relu", "Sqrt"),
            *("Acos", "Asin", "Reciprocal", "Tan"),
        )
    },
}
#: They see positive numbers: roots of others are none, and a clamp has nothing to do for these.
POSITIVE = ("Clip", "Log", "Reciprocal", "ReduceLogSum", "Relu", "Sqrt")
#: They see numbers between -1 and 1.
NARROW = ("Acos", "Asin", "Tan")


@cache
def cases_of() -> dict[str, list[OneOperator]]:
    """By operator, every graph that has it alone."""
    found: dict[str, list[OneOperator]] = defaultdict(list)
    for case in CASES.values():
        model = case.make()
        if len(model.graph) == 1:
            one = OneOperator(model, graphs.feeds(model), case.steps or 1)
            found[model.graph[0].op_type].append(one)
    for name, make in OTHERS.items():
        model = make()
        inputs = graphs.feeds(model)
        if name in POSITIVE:
            inputs = {key: np.abs(array) for key, array in inputs.items()}
        if name in NARROW:
            inputs = {key: np.tanh(array) for key, array in inputs.items()}
        found[name].append(OneOperator(model, inputs))
    return found


def together(found: set[Does]) -> Does:
    """One word for what an engine does with some nodes of one operator."""
    if len(found) == 1:
        return next(iter(found))
    return "kernel" if found == {"kernel", "copies"} else "depends"


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
def test_a_row_claims_what_engines_do(row: Operator, tmp_path: Path) -> None:
    cases = cases_of()[row.name]
    assert cases, "add a case: tests/export/tflite/cases, or OTHERS here"
    path = tmp_path / "optimized.onnx"
    measured = Engines(
        together({int8_engines.on_onnxruntime(case, path) for case in cases}),
        together({int8_engines.on_xnnpack(case) for case in cases}),
        together({int8_engines.on_reference_kernels(case) for case in cases}),
    )
    assert row.engines == measured


def test_the_documentation_says_what_rows_say() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in DOCUMENTATION.read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    told = {
        name: Engines(*does)
        for names, *does, _ in (row for row in rows if len(row) == 5)
        for name in names.split(", ")
    }
    assert {name: told.get(name) for name in OPERATORS} == {
        name: row.engines for name, row in OPERATORS.items()
    }


@pytest.mark.parametrize("name", ["Add", "Concat", "Mul"])
def test_kernels_for_signed_integers_take_constants_too(name: str, tmp_path: Path) -> None:
    path = tmp_path / "optimized.onnx"
    for case in cases_of()[name]:
        assert int8_engines.on_onnxruntime(case, path, signed=True) == "kernel"
