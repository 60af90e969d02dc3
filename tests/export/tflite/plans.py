"""Plans made by hand: ranges as they are seen, nothing clever, nothing from the planner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.fusion import is_absorbed
from edgeconv.graph.view import constant_of, input_of, integer, name_of, shape_of
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant, QuantParams
from tests.export.tflite import graphs

Array = NDArray[Any]

_MOVES = frozenset(
    {"AveragePool", "Clip", "Concat", "DepthToSpace", "Flatten", "Gather", "MaxPool", "Pad"}
    | {"Relu", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose"}
    | {"TopK", "Unsqueeze", "Where", "GatherElements", "GatherND", "ScatterElements", "ScatterND"}
)
_JOINS = ("Concat", "ScatterElements", "ScatterND", "Where")
_FIXED = {
    "Sigmoid": (1 / 256, -128),
    "Softmax": (1 / 256, -128),
    "Tanh": (1 / 128, 0),
}


def per_tensor(scale: float, zero_point: int) -> QuantParams:
    return QuantParams(np.asarray(scale, np.float32), np.asarray(zero_point, np.int32))


def spanning(low: float, high: float) -> QuantParams:
    """int8 over an interval, zero exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, 1e-6) / 255
    return per_tensor(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def symmetric(array: Array) -> QuantParams:
    """int8 over an array, zero in the middle."""
    return per_tensor(max(float(np.abs(array).max()), 1e-6) / 127, 0)


def minmax(model: ir.Model, inputs: dict[str, Array]) -> Plan:
    """A plan from one run's lowest and highest values."""
    computed = graphs.reference(model, inputs, everything=True)
    seen = inputs | {name: a for name, a in computed.items() if a.dtype == np.float32}
    activations: dict[str, QuantParams] = {}
    groups = _groups(model, seen)
    for group in groups:
        fixed = [_FIXED[n.op_type] for n in model.graph if n.op_type in _FIXED
                 and n.outputs[0].name in group]  # fmt: skip
        low, high = min(seen[t].min() for t in group), max(seen[t].max() for t in group)
        chosen = per_tensor(*fixed[0]) if fixed else spanning(float(low), float(high))
        activations |= dict.fromkeys(group, chosen)
    for node in model.graph:
        if node.op_type == "MatMul" and (second := name_of(input_of(node, 1))) in seen:
            (tied,) = (group for group in groups if second in group)
            whole = np.concatenate([seen[name].ravel() for name in sorted(tied)])
            activations |= dict.fromkeys(tied, symmetric(whole))
    stored = {target.name for target in targets(model)}
    kept = {name: params for name, params in activations.items() if name in stored}
    return Plan(kept, _constants(model, activations))


def quantize(array: Array, params: QuantParams) -> Array:
    shape = [1] * array.ndim
    if params.axis is not None:
        shape[params.axis] = -1
    scale, zero_point = params.scale, params.zero_point
    if params.axis is not None:
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    info = np.iinfo(params.dtype)
    return np.clip(np.rint(array / scale) + zero_point, info.min, info.max).astype(params.dtype)


def dequantize(integers: Array, params: QuantParams) -> Array:
    shape = [1] * integers.ndim
    if params.axis is not None:
        shape[params.axis] = -1
    scale = params.scale if params.axis is None else params.scale.reshape(shape)
    zero_point = params.zero_point if params.axis is None else params.zero_point.reshape(shape)
    return ((integers.astype(np.float64) - zero_point) * scale).astype(np.float32)


def on_grid(model: ir.Model, plan: Plan) -> ir.Model:
    """The float graph with every constant replaced by what its integers stand for."""
    copy = model.clone()
    for name, constant in plan.constants.items():
        reals = dequantize(constant.values, constant.params)
        copy.graph.initializers[name].const_value = ir.tensor(reals, name=name)
    return copy


def _groups(model: ir.Model, seen: Iterable[str]) -> list[set[str]]:
    """Tensors that must share a scale."""
    group = {name: {name} for name in seen}
    for node in model.graph:
        if node.op_type not in _MOVES or is_absorbed(node):
            continue
        values = (*node.inputs, *node.outputs)
        tied = [v for v in values if v is not None and v.const_value is None and v.name in group]
        joined = set().union(*(group[name_of(v)] for v in tied if v.name in group))
        for name in joined:
            group[name] = joined
    return list({id(members): members for members in group.values()}.values())


def _constants(
    model: ir.Model, activations: dict[str, QuantParams]
) -> dict[str, QuantizedConstant]:
    found: dict[str, QuantizedConstant] = {}
    for node in model.graph:
        if node.op_type == "MatMul" and not _is_layer(node):
            array = constant_of(node.inputs[1])
            if array is not None:
                params = symmetric(array)
                found[name_of(input_of(node, 1))] = QuantizedConstant(
                    params, quantize(array, params)
                )
        elif node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            found |= _layer(node, activations)
        elif node.op_type in ("Add", "Sub", "Mul", "Div", "PRelu", *_JOINS):
            for value in node.inputs:
                array = constant_of(value)
                if value is not None and array is not None and array.dtype == np.float32:
                    params = spanning(float(array.min()), float(array.max()))
                    if node.op_type in _JOINS:
                        params = activations[name_of(node.outputs[0])]
                    found[name_of(value)] = QuantizedConstant(params, quantize(array, params))
    return found


def _is_layer(node: ir.Node) -> bool:
    """Whether a product is by one constant matrix."""
    return constant_of(node.inputs[1]) is not None and len(shape_of(input_of(node, 1))) == 2


def _layer(node: ir.Node, activations: dict[str, QuantParams]) -> dict[str, QuantizedConstant]:
    source, weight, *rest = node.inputs
    array = constant_of(weight)
    assert source is not None
    assert weight is not None
    assert array is not None
    axis = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}.get(
        node.op_type, 1 - integer(node, "transB", 0)
    )
    others = tuple(i for i in range(array.ndim) if i != axis)
    scale = (np.abs(array).max(axis=others) / 127).astype(np.float32)
    params = QuantParams(scale, np.zeros(scale.shape, np.int32), "int8", axis)
    found = {name_of(weight): QuantizedConstant(params, quantize(array, params))}
    bias = constant_of(rest[0]) if rest else None
    if bias is not None:
        bias_scale = activations[name_of(source)].scale * scale
        bias_params = QuantParams(bias_scale, np.zeros(scale.shape, np.int32), "int32", 0)
        found[name_of(rest[0])] = QuantizedConstant(bias_params, quantize(bias, bias_params))
    return found
