"""A plan by minima and maxima, as plain as can be, for tests of what obeys plans."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant, QuantParams

#: Operators whose output must carry the scale of their first input.
_PASSING = {"MaxPool", "AveragePool", "Flatten", "Reshape", "Transpose", "Concat"}


def all_values(model: ir.Model, feed: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Every value of the hub graph for one input, by name."""
    copy = model.clone()
    have = {v.name for v in copy.graph.outputs}
    copy.graph.outputs.extend(v for node in copy.graph for v in node.outputs if v.name not in have)
    session = onnxruntime.InferenceSession(ir.to_proto(copy).SerializeToString())
    results = session.run(None, {copy.graph.inputs[0].name: feed})
    names = [v.name for v in copy.graph.outputs]
    return {copy.graph.inputs[0].name: feed, **dict(zip(names, results, strict=True))}


def activation_params(low: float, high: float) -> QuantParams:
    low, high = min(low, 0.0), max(high, 1e-6)
    scale = np.float32((high - low) / 255)
    return QuantParams(np.array(scale), np.array(np.rint(-128 - low / scale), np.int32))


def plan_by_extremes(
    model: ir.Model, feed: NDArray[np.float32], override: Mapping[str, QuantParams] | None = None
) -> Plan:
    values = all_values(model, feed)
    first = model.graph.inputs[0].name
    activations = {first: activation_params(values[first].min(), values[first].max())}
    for node in model.graph:
        if is_absorbed(node):
            continue
        value = written_output(node)
        if node.op_type in _PASSING:
            activations[value.name] = activations[node.inputs[0].name]
        else:
            seen = values[value.name]
            activations[value.name] = activation_params(float(seen.min()), float(seen.max()))
    activations.update(override or {})
    constants = {}
    for node in model.graph:
        if node.op_type not in {"Conv", "Gemm"}:
            continue
        read, weight, bias = node.inputs
        w = weight.const_value.numpy()
        axes = tuple(range(1, w.ndim))
        scale = (np.abs(w).max(axis=axes) / 127).astype(np.float32)
        params = QuantParams(scale, np.zeros(len(scale), np.int32), "int8", 0)
        spread = scale.reshape(-1, *[1] * len(axes))
        constants[weight.name] = QuantizedConstant(params, np.rint(w / spread).astype(np.int8))
        bias_scale = (activations[read.name].scale * scale).astype(np.float32)
        params = QuantParams(bias_scale, np.zeros(len(scale), np.int32), "int32", 0)
        b = bias.const_value.numpy()
        constants[bias.name] = QuantizedConstant(params, np.rint(b / bias_scale).astype(np.int32))
    return Plan(activations=activations, constants=constants)
