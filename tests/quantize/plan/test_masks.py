"""Scores under a mask are in no int8 tensor, and what gives and reads them computes in float."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from edgeconv.graph.masks import masked_values
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.planner import build_plan
from tests.export.tflite.cases.logic import at
from tests.export.tflite.graphs import of_nodes, weights

IMAGE = (1, 3, 4, 8)
MASK = np.arange(8) > 5


def under_a_mask(hidden: float) -> ir.Model:
    """A convolution's scores, masked, moved, and made probabilities that another one reads."""
    nodes = [
        at("Conv", ["x", "w", "b"], "scores"),
        at("Where", ["mask", "hidden", "scores"], "held"),
        at("Transpose", ["held"], "moved", perm=(0, 2, 1, 3)),
        at("Softmax", ["moved"], "shares", axis=-1),
        at("Transpose", ["shares"], "back", perm=(0, 2, 1, 3)),
        at("Conv", ["back", "v", "c"], "y"),
    ]
    zeros = np.zeros(3, np.float32)
    constants = {"w": weights(3, 3, 1, 1), "b": zeros, "v": weights(3, 3, 1, 1), "c": zeros}
    masks = {"mask": MASK, "hidden": np.array(hidden, np.float32)}
    return of_nodes(nodes, {"x": IMAGE}, {**constants, **masks}, ["y"])


def names(values: frozenset[ir.Value]) -> set[str | None]:
    return {value.name for value in values}


@pytest.mark.parametrize("hidden", [-np.inf, -1e9, -65504.0, -1e4])
def test_masked_scores_are_reals_up_to_their_softmax(hidden: float) -> None:
    model = under_a_mask(hidden)
    assert names(masked_values(model)) == {"held", "moved"}
    assert {"held", "moved"}.isdisjoint(target.name for target in targets(model))
    photos = [np.random.default_rng(i).normal(size=IMAGE).astype(np.float32) for i in range(2)]
    plan = build_plan(model, observe(model, photos))
    assert plan.islands >= {"node_held", "node_moved", "node_shares"}
    assert {"scores", "shares"} <= plan.activations.keys()
    assert {"node_scores", "node_y"}.isdisjoint(plan.islands)


def test_an_ordinary_number_is_no_mask() -> None:
    assert not masked_values(under_a_mask(-100.0))


def test_what_a_layer_multiplies_is_an_ordinary_number_however_large() -> None:
    nodes = [
        at("Where", ["mask", "x", "far"], "held"),
        at("Conv", ["held", "w"], "y"),
    ]
    constants = {"mask": MASK, "far": np.array(2e4, np.float32), "w": weights(3, 3, 1, 1)}
    assert not masked_values(of_nodes(nodes, {"x": IMAGE}, constants, ["y"]))
