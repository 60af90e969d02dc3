"""The table of operators: complete, and the one place that says what an operator is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx
import onnx_ir as ir
import pytest

from edgeconv.export.tflite.lowerings.table import LOWERINGS
from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator
from edgeconv.graph.operators.table import _FAMILIES, OPERATORS, operator_named, operator_of
from edgeconv.quantize.simulate.simulator import COMPILERS

ROOT = Path(__file__).resolve().parents[2]
#: LiteRT looks GELU up in a table of 256 values, which is what rounding the float one gives.
IN_FLOAT = {"Gelu"}

#: Operators that ONNX has; a name that is none of them is a slip.
SCHEMAS = {schema.name: schema for schema in onnx.defs.get_all_schemas()}


def test_a_row_must_state_every_trait() -> None:
    for field in dataclasses.fields(Operator):
        assert field.default is dataclasses.MISSING, field.name
        assert field.default_factory is dataclasses.MISSING, field.name


def test_every_operator_has_one_row() -> None:
    names = [row.name for family in _FAMILIES for row in family.ROWS]
    assert len(names) == len(set(names))
    assert set(names) <= set(SCHEMAS)
    assert all(row.kind != "unknown" for row in OPERATORS.values())


@pytest.mark.parametrize("row", OPERATORS.values(), ids=list(OPERATORS))
def test_a_row_fits_what_onnx_says_of_the_operator(row: Operator) -> None:
    schema = SCHEMAS[row.name]
    several = schema.max_input  # an endless number for operators such as Concat
    assert len(row.slots) <= several
    assert not row.broadcasts or several > 1
    slots = [*row.singular, *([] if row.weights is None else [row.weights.slot])]
    assert all(slot < several for slot in slots)
    assert (row.window == "attribute") == ("kernel_shape" in schema.attributes and not row.weights)


def test_every_operator_has_a_lowering_or_says_why_not() -> None:
    assert set(LOWERINGS) == {row.name for row in OPERATORS.values() if row.refusal is None}


def test_the_simulator_computes_what_plans_put_on_integers() -> None:
    """What it has no kernel for it would run in float, and judge engines by that."""
    simulated = set(COMPILERS) | {
        name for name, row in OPERATORS.items() if row.scales == "moved" or row.kind == "resize"
    }
    planned = {
        name for name, row in OPERATORS.items() if row.planned != "float" and row.refusal is None
    }
    assert planned - simulated == IN_FLOAT
    assert set(COMPILERS) <= planned


def test_the_page_on_adding_operators_shows_a_row_as_it_is() -> None:
    page = (ROOT / "docs" / "add-an-operator.md").read_text("utf-8")
    shown = page.partition("_LAYER = ")[2].partition("```")[0]
    names = {"Operator": Operator, "Engines": Engines, "UNBOUNDED": UNBOUNDED}
    assert eval(shown, names) == OPERATORS["LayerNormalization"]


def test_an_unknown_operator_claims_nothing() -> None:
    row = operator_named("NoSuchOperator")
    assert (row.name, row.kind, row.weights) == ("NoSuchOperator", "unknown", None)
    assert row.refusal
    of_another_domain = ir.Node("com.microsoft", "Conv", [])
    assert operator_of(of_another_domain).kind == "unknown"
    assert operator_of(ir.Node("", "Conv", [])).kind == "convolution"
