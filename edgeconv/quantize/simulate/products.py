"""Sums of products of convolutions and matrix products, in whatever float type they are given.

Integers in float32 stay exact as long as no partial sum passes 2^24, in float64 2^53; so integer
layers run at the speed of a BLAS.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from edgeconv.errors import UnsupportedOperator
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import integer, ints, shape_of
from edgeconv.quantize.simulate.step import Array
from edgeconv.quantize.simulate.windows import Windows, windows_of

#: Activations to sums, without the bias: (N, C, H, W) or (..., features), the output likewise.
Product = Callable[[Array], Array]


def product_of(node: ir.Node, weight: Array) -> Product:
    """What a layer sums up.

    Args:
        node: of a layer.
        weight: in the hub's order and in the type to compute in.

    Raises:
        UnsupportedOperator: a form of the operator the simulator does not know.
    """
    operator = operator_of(node)
    if operator.kind == "convolution" and operator.weights is not None:
        found = _convolution if operator.weights.filters else _transposed_convolution
        return found(node, weight)
    if weight.ndim != 2 or integer(node, "transA", 0):
        raise UnsupportedOperator(f"{node.op_type} {node.name} is no product with a fixed matrix")
    matrix = np.ascontiguousarray(weight.T if integer(node, "transB", 0) else weight)
    return lambda x: x @ matrix


def _convolution(node: ir.Node, weight: Array) -> Product:
    windows, groups = windows_of(node, weight.shape[2:]), integer(node, "group", 1)
    if weight.shape[1] == 1 and groups > 1:
        return _depthwise(windows, weight[:, 0], len(weight) // groups)
    return _grouped(windows, weight.reshape(groups, len(weight) // groups, -1))


def _grouped(windows: Windows, matrices: Array) -> Product:
    """Matrices are (groups, output channels of a group, kernel values)."""
    groups, outputs, taps = matrices.shape

    def product(image: Array) -> Array:
        columns = windows.columns(windows.padded(image, 0))
        batch, _, positions = columns.shape
        sums = np.matmul(matrices, columns.reshape(batch, groups, taps, positions))
        whole: Array = sums.reshape(batch, groups * outputs, *windows.output)
        return whole

    return product


def _depthwise(windows: Windows, kernels: Array, multiplier: int) -> Product:
    """Kernels are (output channels, kH, kW)."""

    def product(image: Array) -> Array:
        if multiplier > 1:
            image = np.repeat(image, multiplier, axis=1)
        sums = np.zeros((*image.shape[:2], *windows.output), image.dtype)
        for (i, j), seen in windows.taps(windows.padded(image, 0)):
            sums += seen * kernels[:, i, j, None, None]
        return sums

    return product


def _transposed_convolution(node: ir.Node, weight: Array) -> Product:
    """Weight is IOHW: every input value spreads one filter; the padding is cut off the result."""
    if integer(node, "group", 1) != 1 or any(d != 1 for d in ints(node, "dilations", (1, 1))):
        raise UnsupportedOperator(
            f"ConvTranspose {node.name} has groups or dilations; the simulator knows neither"
        )
    strides, pads = ints(node, "strides", (1, 1)), ints(node, "pads", (0, 0, 0, 0))
    _, outputs, *taps = weight.shape
    size = shape_of(node.outputs[0])[2:]

    def product(image: Array) -> Array:
        batch, inputs, *small = image.shape
        whole = [max((small[i] - 1) * strides[i] + taps[i], pads[i] + size[i]) for i in range(2)]
        sums = np.zeros((batch, outputs, *whole), image.dtype)
        pixels = image.reshape(batch, inputs, -1)
        for tap in np.ndindex(*taps):
            spread = np.matmul(weight[:, :, tap[0], tap[1]].T, pixels)
            rows, columns = (
                slice(tap[i], tap[i] + (small[i] - 1) * strides[i] + 1, strides[i])
                for i in range(2)
            )
            sums[:, :, rows, columns] += spread.reshape(batch, outputs, *small)
        return sums[:, :, pads[0] : pads[0] + size[0], pads[1] : pads[1] + size[1]]

    return product
