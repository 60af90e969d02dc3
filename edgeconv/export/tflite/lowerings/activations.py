"""Activations that no operator absorbs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.lowerings.elementwise import unary
from edgeconv.export.tflite.program import Quantization, Tensor
from edgeconv.export.tflite.schema import activation, schema
from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.view import input_of, integer, number, shape_of, string

_CLAMPS: Mapping[tuple[float, float], str] = MappingProxyType(
    {(0.0, math.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
)


def clamp(node: ir.Node, b: Builder) -> None:
    """Relu and Clip -> RELU, RELU6 or RELU_N1_TO_1; other bounds -> MAXIMUM and MINIMUM.

    int8: a bound at the end of the output's scale needs no operator, saturation is that clamp.
    Where both are, a QUANTIZE does it all, and XNNPACK runs that, unlike an int8 RELU. The RELUs
    rescale; MAXIMUM and MINIMUM do not, so a QUANTIZE comes before them.
    Whole numbers have no RELU.
    """
    bounds = clip_bounds(node)
    if bounds is None:
        raise CannotLower("clips at bounds that are computed at run time")
    x, layout, target = b.read(node), b.layout(node), b.quantization(node)
    limits = [
        (code, bound)
        for code, bound in zip(("MAXIMUM", "MINIMUM"), bounds, strict=True)
        if math.isfinite(bound) and (target is None or not _saturates(target, code, bound))
    ]
    if target is not None and not limits:
        b.write(node, "QUANTIZE", [x], layout, schema.QuantizeOptionsT())
    elif bounds in _CLAMPS and not x.is_whole:
        b.write(node, _CLAMPS[bounds], [x], layout)
    else:
        _limit(node, b, b.at_output_scale(node, x), limits)


def _limit(node: ir.Node, b: Builder, x: Tensor, limits: list[tuple[str, float]]) -> None:
    """Writes one operator for each limit; the last one gives the node's output."""
    layout = b.layout(node)
    if not limits:
        b.write_moved(node, x, [], layout)
    options = schema.MaximumMinimumOptionsT()
    for i, (code, bound) in enumerate(limits):
        limit = b.scalar(f"{node.name}/{code.lower()}", bound, x)
        if i == len(limits) - 1:
            b.write(node, code, [x, limit], layout, options)
        else:
            x = b.step(node, "limited", code, [x, limit], x.shape, options=options)


def _saturates(target: Quantization, code: str, bound: float) -> bool:
    """Whether the int8 scale cannot hold a value past the bound."""
    integer_bound = np.rint(bound / float(target.scale[0])) + target.zero_point[0]
    return bool(integer_bound <= -128 if code == "MAXIMUM" else integer_bound >= 127)


def hard_sigmoid(node: ir.Node, b: Builder) -> None:
    """HardSigmoid -> alpha * clamp(x + beta / alpha, 0, 1 / alpha): ADD and MUL.

    PyTorch's alpha of 1/6 makes the clamp a RELU6 that the ADD absorbs. int8: the ADD's result has
    its whole type for [0, 1 / alpha], whose ends clamp for free.
    """
    alpha, beta = number(node, "alpha", 0.2), number(node, "beta", 0.5)
    high = 6.0 if abs(alpha - 1 / 6) < 1e-6 else 1 / alpha
    x, layout = b.read(node), b.layout(node)
    top = Quantization.per_tensor(high / 255, -128) if x.is_quantized else None
    options = schema.AddOptionsT(
        fusedActivationFunction=activation("relu6" if high == 6.0 else "relu")
    )
    offset = b.operand(f"{node.name}/offset", beta / alpha, x)
    ramp = b.step(node, "ramp", "ADD", [x, offset], x.shape, options=options, quantization=top)
    if high != 6.0 and not x.is_quantized:
        limit = b.scalar(f"{node.name}/limit", high, ramp)
        minimum = schema.MaximumMinimumOptionsT()
        ramp = b.step(node, "limited", "MINIMUM", [ramp, limit], x.shape, options=minimum)
    slope = b.operand(f"{node.name}/slope", 1 / high, ramp)
    b.write(node, "MUL", [ramp, slope], layout, schema.MulOptionsT())


def gelu(node: ir.Node, b: Builder) -> None:
    """Gelu -> GELU, by the error function or by tanh; int8: two scales of their own."""
    approximate = string(node, "approximate", "none") == "tanh"
    options = schema.GeluOptionsT(approximate=approximate)
    b.write(node, "GELU", [b.read(node)], b.layout(node), options)


def softplus(node: ir.Node, b: Builder) -> None:
    """Softplus, log(1 + exp(x)) -> max(x, 0) + log(1 + exp(-|x|)), which cannot overflow.

    ABS, NEG, EXP, ADD, LOG, RELU, ADD; float only.
    """
    x, layout = b.read(node), b.layout(node)
    size = b.step(node, "size", "ABS", [x], x.shape, options=schema.AbsOptionsT())
    below = b.step(node, "below", "NEG", [size], x.shape, options=schema.NegOptionsT())
    power = b.step(node, "exp", "EXP", [below], x.shape, options=schema.ExpOptionsT())
    one = b.floats(f"{node.name}/one", np.array([1.0]))
    above = b.step(node, "sum", "ADD", [power, one], x.shape, options=schema.AddOptionsT())
    curve = b.step(node, "log", "LOG", [above], x.shape)
    positive = b.step(node, "positive", "RELU", [x], x.shape)
    b.write(node, "ADD", [positive, curve], layout, schema.AddOptionsT())


def leaky_relu(node: ir.Node, b: Builder) -> None:
    """LeakyRelu -> LEAKY_RELU; int8: two scales of their own."""
    options = schema.LeakyReluOptionsT(alpha=number(node, "alpha", 0.01))
    b.write(node, "LEAKY_RELU", [b.read(node)], b.layout(node), options)


def prelu(node: ir.Node, b: Builder) -> None:
    """PRelu -> PRELU, the slope without the batch axis, so of one axis less than the input.

    int8: the slope on a scale of its own, per tensor.
    """
    value, slope = input_of(node), input_of(node, 1)
    if slope.const_value is None:
        raise CannotLower("has a slope that is computed at run time")
    rank, shape = len(shape_of(value)), shape_of(slope)
    layout = Layout(b.layout(node).order)
    if layout.order[0] != 0:
        layout = Layout(tuple(range(rank)))
    aligned = (1,) * (rank - len(shape)) + shape
    if aligned[0] != 1:
        raise CannotLower("has a slope for each image of the batch; one for all is supported")
    alpha = b.constant(node, 1, lambda array: layout.to_file(array.reshape(aligned))[0])
    b.write(node, "PRELU", [b.read(node, 0, layout), alpha], layout)


def softmax(node: ir.Node, b: Builder) -> None:
    """Softmax -> SOFTMAX, along the file's last axis; int8: output scale 1/256, zero point -128.

    LiteRT's int8 reference kernel (no app gets it) aborts where some 512 values or more are about
    as large as the largest.
    """
    x, layout = _along_last(node, b)
    b.write(node, "SOFTMAX", [x], layout, schema.SoftmaxOptionsT(beta=1.0))


def log_softmax(node: ir.Node, b: Builder) -> None:
    """LogSoftmax -> LOG_SOFTMAX, along the file's last axis; float only."""
    x, layout = _along_last(node, b)
    b.write(node, "LOG_SOFTMAX", [x], layout, schema.LogSoftmaxOptionsT())


def _along_last(node: ir.Node, b: Builder) -> tuple[Tensor, Layout]:
    """The input with the node's axis last, and its layout."""
    order = b.layout(node).order
    axis = integer(node, "axis", -1) % len(order)
    layout = Layout((*(a for a in order if a != axis), axis))
    return b.read(node, 0, layout), layout


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Clip": clamp,
        "Gelu": gelu,
        "HardSigmoid": hard_sigmoid,
        "HardSwish": unary("HARD_SWISH"),
        "LeakyRelu": leaky_relu,
        "LogSoftmax": log_softmax,
        "PRelu": prelu,
        "Relu": clamp,
        "Sigmoid": unary("LOGISTIC"),
        "Softmax": softmax,
        "Softplus": softplus,
        "Tanh": unary("TANH"),
    }
)
