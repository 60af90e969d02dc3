"""Every operator with 16-bit activations: on integers where its row says so, and right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from edgeconv.export import tflite
from edgeconv.graph.operators.table import operator_of
from edgeconv.quantize.plan.affine import covered
from edgeconv.quantize.plan.parameters import Plan, QuantParams
from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import Case

#: Least signal to noise; weights are rounded to 8 bits.
LEAST_DB = 30.0
#: Least share of places and truth values that are as those of reals.
LEAST_EQUAL = 0.99
LITERT = frozenset({"xnnpack", "reference"})
PRESCRIBED = 1 / 32768


def in_16_bits(model: ir.Model, plan: Plan) -> Plan:
    """The plan over the same intervals and more, symmetric."""
    written = {node.outputs[0].name: node.op_type for node in model.graph}
    activations = {}
    for name, params in plan.activations.items():
        reach = 2 * max(map(abs, covered(params)))
        scale = PRESCRIBED if written.get(name) in ("Sigmoid", "Tanh") else reach / 32767
        zero_point = np.asarray(0, np.int32)
        activations[name] = QuantParams(np.asarray(scale, np.float32), zero_point, "int16")
    return replace(plan, activations=activations)


def computed_types(data: bytes) -> set[type]:
    """In which types operators give something, those aside that convert it for an app."""
    types = {detail["index"]: detail["dtype"] for detail in engines.tensors(data).values()}
    return {
        types[index]
        for operator in engines.details(data)
        if operator["op_name"] != "DEQUANTIZE"
        for index in operator["outputs"]
    }


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_operators_compute_on_16_bits_where_their_rows_say_so(case: Case, tmp_path: Path) -> None:
    model = case.make()
    inputs = graphs.feeds(model)
    plan = in_16_bits(model, plans.minmax(model, inputs))
    tflite.write(model, tmp_path / "net.tflite", "int16x8", plan)
    data = (tmp_path / "net.tflite").read_bytes()
    wanted = graphs.reference(model, inputs)
    for make in (engines.ENGINES[name] for name in LITERT & case.engines):
        for name, found in engines.run(make, data, inputs).items():
            if name not in plan.activations:  # places and truth values, where two may be near
                assert np.mean(found == wanted[name]) > LEAST_EQUAL
                continue
            noise = np.square(found.astype(np.float64) - wanted[name]).sum()
            signal = np.square(wanted[name].astype(np.float64)).sum()
            assert signal >= 10 ** (LEAST_DB / 10) * noise, name
    if model.graph.outputs[0].name not in plan.activations:
        return
    if len(model.graph) == 1 and model.graph[0].op_type != "Pad":  # some pads mirror, in float
        assert (np.float32 not in computed_types(data)) == operator_of(model.graph[0]).int16
