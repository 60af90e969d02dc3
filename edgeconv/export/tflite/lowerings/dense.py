"""Matrix products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout, plain
from edgeconv.export.tflite.lowerings.products import batch_matmul
from edgeconv.export.tflite.schema import absorbed, schema
from edgeconv.graph.view import constant_of, integer, number
from edgeconv.quantize.plan.weights import layer_of

Array = NDArray[Any]


def gemm(node: ir.Node, b: Builder) -> None:
    """Gemm -> FULLY_CONNECTED.

    The weight is (outputs, inputs), per-channel scales along axis 0. Where the input is a flattened
    image in pixel order, the weight's columns follow it.
    """
    if number(node, "alpha", 1.0) != 1.0 or number(node, "beta", 1.0) != 1.0:
        raise CannotLower("scales its product or its bias; fold alpha and beta into the weights")
    if integer(node, "transA", 0):
        raise CannotLower("transposes its input; transpose it before")
    transposed = integer(node, "transB", 0) == 1
    _fully_connected(node, b, lambda w: w if transposed else w.T)


def matmul(node: ir.Node, b: Builder) -> None:
    """MatMul by a constant matrix -> FULLY_CONNECTED without bias, along the last axis.

    Of anything else, BATCH_MATMUL (`products`).
    """
    if layer_of(node) is None:
        batch_matmul(node, b)
    else:
        _fully_connected(node, b, lambda w: w.T)


def _fully_connected(node: ir.Node, b: Builder, as_rows: Callable[[Array], Array]) -> None:
    if constant_of(node.inputs[1]) is None:
        raise CannotLower("multiplies by a computed matrix and adds to it; multiply by matmul")
    layout = b.layout(node)
    rank = len(layout.order)
    features_last = layout.order[-1] == rank - 1
    layout = layout if features_last else plain(rank)
    x = b.read(node, 0, layout)
    weight = b.constant(node, 1, lambda w: _columns_like(as_rows(w), layout))
    options = schema.FullyConnectedOptionsT(
        fusedActivationFunction=absorbed(node), keepNumDims=rank > 2
    )
    inputs = [x, weight, b.bias(node)]
    b.write(node, "FULLY_CONNECTED", inputs, Layout(layout.order), options)


def _columns_like(weight: Array, layout: Layout) -> Array:
    """The weight with its columns in the order of the input's features."""
    return Layout((0, 1), layout.pixels).to_file(weight)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({"Gemm": gemm, "MatMul": matmul})
