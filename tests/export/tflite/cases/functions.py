"""Functions of each value: angles, whole numbers, signs, powers; sums up to each value."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.export.tflite.cases.case import IMAGE, Case, chain, floats, node
from tests.export.tflite.engines import ENGINES
from tests.export.tflite.graphs import of_node, of_nodes, weights

#: Neither set of reference kernels has CEIL, ELU and ROUND.
_OWN = frozenset({"xnnpack"})
assert ENGINES.keys() > _OWN


def positive(op_type: str, *constants: np.ndarray, **options: object) -> Case:
    """An operator of positive numbers, none of them near zero."""
    above = ("Add", {}, (floats(0.3),))
    return chain(("Abs", {}, ()), above, (op_type, options, constants), shape=IMAGE, int8=None)


def narrow(op_type: str) -> Case:
    """An operator of numbers between -1 and 1."""
    return chain(("Mul", {}, (floats(0.08),)), (op_type, {}, ()), shape=IMAGE, int8=None)


def only_here(op_type: str, **options: object) -> Case:
    return Case(lambda: of_node(op_type, IMAGE, **options), engines=_OWN)  # type: ignore[arg-type]


def between(op_type: str, **options: object) -> Case:
    """An operator of two computed tensors, the second one positive and not near zero."""

    def make() -> object:
        nodes = [
            helper.make_node("Abs", ["x1"], ["a"], name="abs"),
            helper.make_node("Add", ["a", "c"], ["b"], name="add"),
            helper.make_node("Abs", ["x"], ["s"], name="size"),
            helper.make_node(op_type, ["s", "b"], ["y"], name="node", **options),
        ]
        return of_nodes(nodes, {"x": IMAGE, "x1": (1, 6, 1, 8)}, {"c": floats(0.4)}, ["y"])

    return Case(make, None)  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    **{name: node(name, IMAGE, steps=None) for name in ("Sin", "Cos", "Atan", "Erf")},
    **{name: node(name, IMAGE, steps=None) for name in ("Floor", "Sign")},
    **{name: Case(only_here(name).make, None, _OWN) for name in ("Ceil", "Round")},
    **{name: narrow(name) for name in ("Tan", "Asin", "Acos")},
    "Atan of one number": chain(
        ("ReduceMean", {"keepdims": 0}, ()), ("Atan", {}, ()), shape=IMAGE, int8=None
    ),
    "Reciprocal": positive("Reciprocal"),
    "Mod by a number": node("Mod", IMAGE, floats(0.75), fmod=1, steps=None),
    "Mod by a number for each channel": node(
        "Mod", IMAGE, np.abs(weights(6, 1, 1)) + 1, fmod=1, steps=None
    ),
    "Mod by a computed tensor": between("Mod", fmod=1),
    "Pow by a computed tensor": between("Pow"),
    "Pow by a number for each channel": positive("Pow", weights(6, 1, 1)),
    "Pow of a number": Case(
        lambda: of_nodes(
            [helper.make_node("Pow", ["c", "x"], ["y"], name="n")],
            {"x": IMAGE},
            {"c": floats(2.0)},
            ["y"],
        ),
        None,
    ),
    **{
        f"Pow by {number}": positive("Pow", floats(number))
        for number in (-3.0, -2.0, -1.5, -1.0, -0.5, 0.5, 1.5, 2.5, 4.0, 5.0, 7.0, 8.0)
    },
    "Selu": only_here("Selu"),
    "Celu": only_here("Celu", alpha=1.5),
    "Celu of ONNX": only_here("Celu"),
    "Elu of a factor of its own": only_here("Elu", alpha=0.3),
    "CumSum over channels": node("CumSum", IMAGE, np.array(1)),
    "CumSum over columns, from the end": node("CumSum", IMAGE, np.array(-1), reverse=1),
    "CumSum over rows, without each": node("CumSum", (2, 5), np.array(0), exclusive=1),
}
