"""Resizes that TFLite has no operator for: along each axis a gather, or a product with constants.

Every mode of a Resize works along each axis by itself and is linear in what it reads, so along an
axis it is a matrix (output length, length). onnxruntime is asked for that matrix: it resizes the
identity. Cubic and antialiased ones come out exactly, and every rule of where pixels lie. For
modules the capture does the same with PyTorch's arithmetic
(`export/capture/decompositions/resampling.py`).
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgeconv.errors import NetRefused
from edgeconv.graph.passes.moves.pieces import Pieces
from edgeconv.graph.passes.older_forms import OPSET
from edgeconv.graph.resizing import rule_of, scale_of
from edgeconv.graph.view import constant_of, input_of, ints, number, shape_of, string, title_of
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions

#: Attributes that speak of all axes together.
_OF_ALL_AXES = ("axes", "keep_aspect_ratio_policy")


def settle_resizes(model: ir.Model) -> None:
    """Rewrites each Resize that samples by no rule of TFLite's.

    Raises:
        NetRefused: it keeps the proportions of what it is given, or fills what lies outside.
    """
    for node in tuple(model.graph):
        if node.op_type == "Resize" and rule_of(node) is None:
            _rewrite(model, node)


def _rewrite(model: ir.Model, node: ir.Node) -> None:
    value = input_of(node)
    shape, new_shape = shape_of(value), shape_of(node.outputs[0])
    if string(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NetRefused(f"{title_of(node)} keeps proportions; export it with the size it comes to")
    if number(node, "extrapolation_value", 0.0):
        raise NetRefused(f"{title_of(node)} fills what lies outside of the image with a number")
    pieces = Pieces(model, node)
    axes = [a for a, length in enumerate(shape) if scale_of(node, a) or length != new_shape[a]]
    for axis in sorted(axes, key=lambda a: new_shape[a] / shape[a]):  # what shrinks first
        matrix = _matrix(model, node, axis)
        value = _multiplied(pieces, value, axis, matrix)
    pieces.give(value)


def _multiplied(
    pieces: Pieces, value: ir.Value, axis: int, matrix: NDArray[np.float32]
) -> ir.Value:
    chosen = matrix.argmax(1)
    if np.array_equal(matrix, np.eye(matrix.shape[1], dtype=np.float32)[chosen]):
        return pieces.taken(value, axis, chosen.astype(np.int64))
    last = len(shape_of(value)) - 1
    turned = pieces.swapped(value, axis, last)
    shape = (*shape_of(turned)[:-1], len(matrix))
    product = pieces.made("MatMul", [turned, pieces.constant(matrix.T)], shape)
    return pieces.swapped(product, axis, last)


def _matrix(model: ir.Model, node: ir.Node, axis: int) -> NDArray[np.float32]:
    """What a Resize multiplies an axis by: it resizes the rows of (1, L, L, 1)."""
    length, new_length = shape_of(input_of(node))[axis], shape_of(node.outputs[0])[axis]
    scale = scale_of(node, axis)
    stated = [
        numpy_helper.from_array(_of_axis(node, axis), "roi"),
        numpy_helper.from_array(np.array([1, 1, scale or 1, 1], np.float32), "scales"),
        numpy_helper.from_array(np.array([1, length, new_length, 1], np.int64), "sizes"),
    ]
    inputs = ["x", "roi", *(["scales"] if scale else ["", "sizes"])]
    probe = helper.make_node("Resize", inputs, ["y"])
    kept = [a for name, a in node.attributes.items() if name not in _OF_ALL_AXES]
    probe.attribute.extend(ir.to_proto(attribute) for attribute in kept)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, length, side, 1])
        for name, side in (("x", length), ("y", new_length))
    ]
    graph = helper.make_graph([probe], "probe", ends[:1], ends[1:], stated)
    opsets = [helper.make_opsetid("", model.opset_imports.get("", OPSET))]
    whole = helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version)
    return _run(whole, np.eye(length, dtype=np.float32)[None, :, :, None], title_of(node))


def _run(model: onnx.ModelProto, given: NDArray[np.float32], title: str) -> NDArray[np.float32]:
    options = SessionOptions(kernels="reference")
    (made,) = OrtSession(model.SerializeToString(), options, label=title).run([given])
    matrix: NDArray[np.float32] = made[0, :, :, 0].T
    return matrix


def _of_axis(node: ir.Node, axis: int) -> NDArray[np.float32]:
    """The part of the image that is resized, whole but along the axis."""
    stated = constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
    rank = len(shape_of(input_of(node)))
    if stated is None or stated.size == 0:
        return np.array([0, 0, 0, 0, 1, 1, 1, 1], np.float32)
    axes = [a % rank for a in ints(node, "axes", range(rank))]
    begin, end = stated.reshape(2, -1)[:, axes.index(axis)] if axis in axes else (0, 1)
    return np.array([0, 0, begin, 0, 1, 1, end, 1], np.float32)
