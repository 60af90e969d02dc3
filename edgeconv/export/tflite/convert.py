"""From a hub graph, and perhaps a plan, to a `Program`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx_ir as ir

from edgeconv.data.formula import Io
from edgeconv.errors import UnsupportedOperator
from edgeconv.export.tflite.builder import Builder, CannotLower
from edgeconv.export.tflite.in_float import compute_in_float
from edgeconv.export.tflite.int16 import on_16_bit_kernels
from edgeconv.export.tflite.layout import standard
from edgeconv.export.tflite.long_sums import in_steps
from edgeconv.export.tflite.lowerings.table import LOWERINGS
from edgeconv.export.tflite.program import Program, Quantization, Tensor, computed
from edgeconv.export.tflite.rules import check_plan, with_float_islands
from edgeconv.export.tflite.schema import schema
from edgeconv.export.tflite.separate_groups import separate_groups
from edgeconv.export.tflite.split_convolutions import split_convolutions
from edgeconv.export.tflite.squeezes import squeeze_means
from edgeconv.graph.fusion import is_absorbed
from edgeconv.graph.operators.operator import Operator
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import name_of, shape_of, title_of
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.runtime.plain import some

#: How many nodes of one kind an error names.
_NAMED = 5


def convert(model: ir.Model, plan: Plan | None, io: Io = "float32") -> Program:
    """The program of a hub graph: float32 without a plan, on integers with one.

    Args:
        model: the hub graph.
        plan: its quantization; a 16-bit one (`quantize.plan.int16`) is brought to TFLite's kernels.
        io: type of the inputs and outputs under a plan; without one "uint8" is that of the inputs,
            and all else float32.

    Raises:
        UnsupportedOperator: names every node that cannot be lowered, and why.
        PlanRefused: the plan breaks a rule of the runtimes.
    """
    nodes = [node for node in model.graph if not is_absorbed(node)]
    _check_known(nodes)
    if plan is not None and plan.activation_type == "int16":
        plan = on_16_bit_kernels(model, plan)
    elif plan is not None:
        plan = with_float_islands(model, plan)
        check_plan(model, plan)
    b = Builder(plan, output_suffix="" if plan is None or io == "int8" else _suffix(plan))
    inputs = [_bind_input(b, value, plan, io) for value in _computed(model.graph.inputs)]
    _lower(nodes, b)
    outputs = [_output(b, value, io) for value in model.graph.outputs]
    program = squeeze_means(
        Program(
            model.graph.name or "main",
            tuple(b.operators),
            tuple(inputs),
            tuple(outputs),
            b.unusual,
        )
    )
    program = split_convolutions(program)
    is_int8 = plan is not None and plan.activation_type == "int8"
    return in_steps(compute_in_float(program) if is_int8 else separate_groups(program))


def _computed(values: Iterable[ir.Value]) -> list[ir.Value]:
    return [value for value in values if value.const_value is None]


def _check_known(nodes: Iterable[ir.Node]) -> None:
    """Raises UnsupportedOperator where the table of operators refuses some node."""
    refused: dict[Operator, list[str]] = {}
    for node in nodes:
        operator = operator_of(node)
        if operator.refusal is not None:
            refused.setdefault(operator, []).append(title_of(node))
    if refused:
        raise UnsupportedOperator(
            "TFLite has no lowering here for "
            + "; ".join(
                f"{o.name} ({some(names, _NAMED)}): {o.refusal}" for o, names in refused.items()
            )
            + ". Rewrite the module with other operators, or export to ONNX only (--format onnx)"
        )


def _lower(nodes: Iterable[ir.Node], b: Builder) -> None:
    """Lowers every node; raises UnsupportedOperator with all those that cannot be."""
    refused: dict[str, list[str]] = {}
    for node in nodes:
        try:
            LOWERINGS[node.op_type](node, b)
        except CannotLower as reason:
            refused.setdefault(f"{node.op_type} {reason}", []).append(title_of(node))
            b.bind_placeholders(node)
    if refused:
        raise UnsupportedOperator(
            "TFLite cannot express: "
            + "; ".join(f"{reason} ({some(names, _NAMED)})" for reason, names in refused.items())
            + ". Change the module there, or export to ONNX only (--format onnx)"
        )


def _bind_input(b: Builder, value: ir.Value, plan: Plan | None, io: Io) -> tuple[str, Tensor]:
    """The tensor an app fills for a graph input, quantized behind it where they differ."""
    name, shape = name_of(value), shape_of(value)
    file_shape = standard(len(shape)).file_shape(shape)
    if plan is None:
        taken = np.uint8 if io == "uint8" else np.float32
        tensor = outer = computed(b.unique(name), file_shape, taken)
        if outer.dtype != np.float32:
            tensor = computed(b.unique(f"{name}/float32"), file_shape, np.float32)
            b.emit("CAST", [outer], [tensor], schema.CastOptionsT())
        b.bind_input(value, tensor)
        return name, outer
    quantization = Quantization.of(plan.activations[name])
    outer = _boundary(b.unique(name), file_shape, quantization, io)
    inner = outer
    if io != "int8":
        inner = b.requantized(outer, quantization, b.unique(f"{name}{_suffix(plan)}"))
    b.bind_input(value, inner)
    return name, outer


def _output(b: Builder, value: ir.Value, io: Io) -> tuple[str, Tensor]:
    """The tensor an app reads for a graph output, dequantized where they differ."""
    name, inner = name_of(value), b.bound(value)
    if inner.quantization is None or io == "int8":
        return name, inner
    if io == "float32":
        return name, b.dequantized(inner, b.unique(name))
    outer = _boundary(b.unique(name), inner.shape, inner.grid, io)
    b.emit("QUANTIZE", [inner], [outer], schema.QuantizeOptionsT())
    return name, outer


def _suffix(plan: Plan) -> str:
    """What the names of integers end with where the plain name is for an app's tensor."""
    return f"/{plan.activation_type}"


def _boundary(name: str, shape: tuple[int, ...], inner: Quantization, io: Io) -> Tensor:
    """A tensor at the model's edge: uint8 holds the same reals as int8, 128 higher."""
    if io == "float32":
        return computed(name, shape, np.float32)
    if io == "uint8":
        return computed(name, shape, np.uint8, Quantization(inner.scale, inner.zero_point + 128))
    return computed(name, shape, np.int8, inner)
