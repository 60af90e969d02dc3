"""What a plan must keep, because the runtimes do not check it and would return wrong values silently.

Sources: the TensorFlow Lite 8-bit quantization specification (ai.google.dev/edge/litert/models/
quantization_spec), and the kernels where it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.errors import PlanRefused
from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.graph.view import activation_inputs, name_of, require_constant
from edgeconv.quantize.plan import Edge, Plan, QuantizedConstant, QuantParams

#: Kernels that copy, compare or average integers without rescaling them.
ONE_SCALE = frozenset(
    {
        "AveragePool",
        "Concat",
        "DepthToSpace",
        "Flatten",
        "Gather",
        "GlobalMaxPool",
        "Max",
        "MaxPool",
        "Min",
        "Pad",
        "ReduceMax",
        "ReduceMin",
        "Reshape",
        "Resize",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)

#: (scale, zero point) that a kernel's output has whatever the file says.
FIXED_OUTPUT: Mapping[str, tuple[float, int]] = MappingProxyType(
    {
        "LogSoftmax": (16 / 256, 127),
        "Sigmoid": (1 / 256, -128),
        "Softmax": (1 / 256, -128),
        "Tanh": (1 / 128, 0),
    }
)

#: Operators whose kernels are float only; a plan names their nodes as islands.
FLOAT_ONLY = frozenset({"Div", "Neg", "Sqrt"})

#: The output axis of each weight in the hub's layout, where per-channel scales may lie.
_WEIGHT_AXIS: Mapping[str, int] = MappingProxyType({"Conv": 0, "ConvTranspose": 1, "MatMul": 1})

_LONGEST_REPORT = 8


def check_plan(model: ir.Model, plan: Plan) -> None:
    """Raises PlanRefused, naming every tensor and node at which the plan breaks a rule."""
    problems = [*_unknown_names(model, plan)]
    for value in model.graph.inputs:
        if value.const_value is None:
            problems += _activation_problems(plan, value)
    for node in model.graph:
        if not is_absorbed(node) and node.name not in plan.islands:
            problems += _node_problems(node, plan)
    if problems:
        more = len(problems) - _LONGEST_REPORT
        shown = problems[:_LONGEST_REPORT] + ([f"and {more} more"] if more > 0 else [])
        raise PlanRefused("the plan cannot run on TFLite: " + "; ".join(shown))


def _node_problems(node: ir.Node, plan: Plan) -> Iterator[str]:
    outputs = [written_output(node)] if len(node.outputs) == 1 else list(node.outputs)
    outputs = [value for value in outputs if value.name]
    inputs = [_seen_by(node, index, value, plan) for index, value in activation_inputs(node)]
    missing = [problem for value in outputs for problem in _activation_problems(plan, value)]
    yield from missing
    if any(params is None for params in inputs):
        yield f"{_title(node)} reads a tensor without parameters"
    if missing or None in inputs:
        return
    known = [params for params in inputs if params is not None]
    results = [plan.activations[name_of(value)] for value in outputs]
    if node.op_type in FLOAT_ONLY or _is_float_power(node):
        yield f"{_title(node)} has no int8 kernel; name it in the plan's islands"
    if node.op_type in ONE_SCALE and len({params.key for params in (*known, *results)}) > 1:
        yield f"{_title(node)} needs one scale across its inputs and outputs"
    yield from _fixed_output_problems(node, results)
    yield from _constant_problems(node, plan, known)


def _unknown_names(model: ir.Model, plan: Plan) -> Iterator[str]:
    """Edges and islands of nodes the graph does not have, which would be ignored silently."""
    names = {node.name for node in model.graph}
    for island in sorted(plan.islands - names):
        yield f"the island {island} is no node of the graph"
    for edge in plan.requantize:
        if edge.consumer not in names:
            yield f"the requantized edge into {edge.consumer} is of no node of the graph"


def _seen_by(node: ir.Node, index: int, value: ir.Value, plan: Plan) -> QuantParams | None:
    """Parameters in which a node sees an input."""
    edge = plan.requantize.get(Edge(node.name or "", index))
    return edge or plan.activations.get(name_of(value))


def _activation_problems(plan: Plan, value: ir.Value) -> Iterator[str]:
    params = plan.activations.get(name_of(value))
    if params is None:
        yield f"{value.name} has no parameters"
    elif params.dtype != "int8" or params.scale.size != 1:
        yield f"{value.name} is {params.dtype} with {params.scale.size} scales; int8 with one is supported"
    elif not (np.isfinite(params.scale).all() and (params.scale > 0).all()):
        yield f"{value.name} has scale {float(params.scale):g}; a positive number is needed"
    elif not -128 <= int(params.zero_point) <= 127:
        yield f"{value.name} has zero point {int(params.zero_point)}, outside int8"


def _fixed_output_problems(node: ir.Node, results: list[QuantParams]) -> Iterator[str]:
    fixed = FIXED_OUTPUT.get(node.op_type)
    if fixed is None:
        return
    scale, zero_point = fixed
    for params in results:
        if not np.isclose(params.scale, scale, rtol=1e-6) or params.zero_point != zero_point:
            yield (
                f"{_title(node)} gives scale {scale:g} and zero point {zero_point}, "
                f"the plan says {float(params.scale):g} and {int(params.zero_point)}"
            )


def _constant_problems(node: ir.Node, plan: Plan, inputs: list[QuantParams]) -> Iterator[str]:
    if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        yield from _weight_problems(node, plan, inputs[0])
    elif node.op_type in ("Add", "Sub", "Mul", "Max", "Min", "PRelu"):
        for index, value in enumerate(node.inputs):
            if value is not None and value.const_value is not None:
                yield from _operand_problems(node, index, plan, inputs[0])


def _operand_problems(
    node: ir.Node, index: int, plan: Plan, other: QuantParams
) -> Iterator[str]:
    constant, problems = _constant(node, index, plan)
    yield from problems
    if constant is None:
        return
    if constant.params.dtype != "int8" or constant.params.axis is not None:
        yield f"{_title(node)}: its constant operand must be int8 with one scale"
    elif node.op_type in ("Max", "Min") and constant.params.key != other.key:
        yield f"{_title(node)}: its constant operand must have the other operand's scale"


def _weight_problems(node: ir.Node, plan: Plan, seen: QuantParams) -> Iterator[str]:
    weight, problems = _constant(node, 1, plan)
    yield from problems
    if weight is None:
        return
    params, title = weight.params, _title(node)
    if params.dtype != "int8" or (params.zero_point != 0).any():
        yield f"{title}: its weight must be int8 with zero point 0"
    elif weight.values.min(initial=0) < -127:
        yield f"{title}: its weight holds -128; kernels take -127 to 127"
    axis = _weight_axis(node)
    if params.axis is not None and params.axis != axis:
        yield f"{title}: its weight's scales lie along axis {params.axis}; axis {axis} is supported"
    elif params.axis is not None and params.scale.size != weight.values.shape[axis]:
        yield f"{title}: its weight has {params.scale.size} scales for {weight.values.shape[axis]} channels"
    elif len(node.inputs) > 2 and node.inputs[2] is not None:
        yield from _bias_problems(node, plan, seen.scale * params.scale)


def _bias_problems(node: ir.Node, plan: Plan, scale: np.ndarray) -> Iterator[str]:
    bias, problems = _constant(node, 2, plan)
    yield from problems
    if bias is None:
        return
    if bias.params.dtype != "int32" or (bias.params.zero_point != 0).any():
        yield f"{_title(node)}: its bias must be int32 with zero point 0"
    elif not np.allclose(bias.params.scale, scale, rtol=1e-5, atol=0):
        yield f"{_title(node)}: its bias must have scale input scale x weight scale"


def _constant(
    node: ir.Node, index: int, plan: Plan
) -> tuple[QuantizedConstant | None, list[str]]:
    """A constant's integers, or what is wrong with them."""
    value = node.inputs[index]
    assert value is not None
    if value.const_value is None:
        return None, []  # computed: the lowering says whether it can be
    constant = plan.constants.get(name_of(value))
    if constant is None:
        return None, [f"{_title(node)}: its constant {value.name} has no integers"]
    shape = require_constant(node, index).shape
    if constant.values.shape != shape:
        return None, [f"{value.name} has shape {constant.values.shape} in the plan, {shape} in the graph"]
    if constant.values.dtype != np.dtype(constant.params.dtype):
        return None, [f"{value.name} is stored as {constant.values.dtype}, not {constant.params.dtype}"]
    return constant, []


def _weight_axis(node: ir.Node) -> int:
    if node.op_type == "Gemm":
        transposed = node.attributes.get("transB")
        return 0 if transposed is not None and transposed.as_int() == 1 else 1
    return _WEIGHT_AXIS[node.op_type]


def _is_float_power(node: ir.Node) -> bool:
    return node.op_type == "Pow" and (require_constant(node, 1) != 2.0).any()


def _title(node: ir.Node) -> str:
    return f"{node.op_type} {node.name}"
