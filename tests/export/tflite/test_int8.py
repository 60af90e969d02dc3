"""Every int8 lowering is within a step of the float graph on the same integers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import Case
from tests.helpers.tflite_bytes import tflite_bytes


@pytest.mark.parametrize(
    ("case", "engine"),
    [
        pytest.param(case, engine, id=f"{name}-{engine}")
        for name, case in CASES.items()
        for engine in engines.ENGINES
        if engine in case.engines and case.steps is not None
    ],
)
def test_int8_file_is_within_a_step_of_the_float_graph(case: Case, engine: str) -> None:
    model = case.make()
    inputs = graphs.feeds(model)
    plan = plans.minmax(model, inputs)
    integers = {name: plans.quantize(x, plan.activations[name]) for name, x in inputs.items()}
    reals = {name: plans.dequantize(q, plan.activations[name]) for name, q in integers.items()}
    wanted = graphs.reference(plans.on_grid(model, plan), reals)
    given = engines.run(engines.ENGINES[engine], tflite_bytes(model, "int8", plan), integers)
    for name, array in wanted.items():
        if name not in plan.activations:
            np.testing.assert_array_equal(given[name], array)
            continue
        steps = given[name].astype(int) - plans.quantize(array, plan.activations[name])
        assert np.abs(steps).max() <= case.steps
