"""Operators that move integers: as ONNX's own reference implementation (NumPy) moves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper
from onnx.reference import ReferenceEvaluator

from edgeconv.graph.places import scattered
from edgeconv.graph.view import activation_inputs, constant_of, integer, require_constant, string
from edgeconv.quantize.plan.affine import quantize
from edgeconv.quantize.simulate.arithmetic import change_scale
from edgeconv.quantize.simulate.fixed_point import half_away
from edgeconv.quantize.simulate.step import Array, Kernel, Step

Evaluate = Callable[[Sequence[Array]], list[Array]]


def evaluator(node: ir.Node, opset: int) -> Evaluate:
    """Runs one node on arrays of its computed inputs; constants are its own."""
    proto = ir.to_proto(node)
    graph = onnx.GraphProto(name="node", node=[proto])
    names = [name for name in proto.input if name]
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names))
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in proto.output if name)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    run = ReferenceEvaluator(model)
    fixed = {str(v.name): a for v in node.inputs if (a := constant_of(v)) is not None and v}
    computed = [str(value.name) for _, value in activation_inputs(node)]

    def evaluate(inputs: Sequence[Array]) -> list[Array]:
        named = dict(zip(computed, inputs, strict=True))
        return [np.asarray(array) for array in run.run(None, {**fixed, **named})]

    return evaluate


def concat(step: Step) -> Kernel:
    """CONCATENATION: every computed input lies on the output's scale already."""
    axis = integer(step.node, "axis", 0)
    fixed = [_on_output_scale(step, index) for index in range(len(step.node.inputs))]

    def kernel(inputs: Sequence[Array]) -> Array:
        computed = iter(inputs)
        return np.concatenate([next(computed) if a is None else a for a in fixed], axis=axis)

    return kernel


def where(step: Step) -> Kernel:
    """SELECT_V2: both operands lie on the output's scale already."""
    condition = constant_of(step.node.inputs[0])
    fixed = [condition, *(_on_output_scale(step, index) for index in (1, 2))]

    def kernel(inputs: Sequence[Array]) -> Array:
        computed = iter(inputs)
        chosen: Array = np.where(*(next(computed) if a is None else a for a in fixed))
        return chosen

    return kernel


def scatter(step: Step) -> Kernel:
    """What is written and what is written over, flat and joined, then gathered."""
    fixed, sources = [_on_output_scale(step, i) for i in (0, 2)], scattered(step.node)

    def kernel(inputs: Sequence[Array]) -> Array:
        computed = iter(inputs)
        kept, written = (next(computed) if a is None else a for a in fixed)
        found: Array = np.where(sources < 0, kept, written.reshape(-1)[np.maximum(sources, 0)])
        return found

    return kernel


def _on_output_scale(step: Step, index: int) -> Array | None:
    """A constant as an operator holds it that joins its operands; None for what is computed."""
    if not step.is_constant(index):
        return None
    held = step.constant(index)
    return change_scale(held.values, held.params, step.output)


_PAD_MODES: Mapping[str, str] = MappingProxyType(
    {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
)


def pad(step: Step) -> Kernel:
    """PAD, PADV2, MIRROR_PAD: a number becomes the integer that stands for it."""
    node = step.node
    amounts = require_constant(node, 1).reshape(2, -1).T
    axes = constant_of(node.inputs[3]) if len(node.inputs) > 3 else None
    value = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    fill = quantize(np.reshape(0.0 if value is None else value, ()), step.output)
    mode = _PAD_MODES[string(node, "mode", "constant")]

    def kernel(inputs: Sequence[Array]) -> Array:
        widths = np.zeros((inputs[0].ndim, 2), np.int64)
        widths[slice(None) if axes is None else axes] = amounts
        options: dict[str, Any] = {"constant_values": fill} if mode == "constant" else {}
        padded: Array = np.pad(inputs[0], widths, mode=mode, **options)  # type: ignore[call-overload]
        return padded

    return kernel


def resize(evaluate: Evaluate) -> Kernel:
    """RESIZE_NEAREST_NEIGHBOR, RESIZE_BILINEAR: interpolated between integers, then rounded."""

    def kernel(inputs: Sequence[Array]) -> Array:
        between = evaluate([inputs[0].astype(np.float32)])[0]
        rounded: Array = np.clip(half_away(between), -128, 127).astype(np.int8)
        return rounded

    return kernel


KERNELS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {"Concat": concat, "Pad": pad, "ScatterElements": scatter, "ScatterND": scatter, "Where": where}
)
