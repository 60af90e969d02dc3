"""Brings every matrix product with constant weights of a 2-D input into one form.

Gemm(x (N, in), weight (out, in), bias (out,)), alpha = beta = 1, transA = 0, transB = 1
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.edit import (
    add_constant,
    make_node,
    make_reshape,
    replace_node,
    substitute,
)
from edgeconv.graph.view import constant_of, integer, number, shape_of, sole_consumer


def normalise_gemm(model: ir.Model) -> None:
    """Rewrites Gemm and MatMul nodes whose weights are constant.

    Case 1: Gemm with constant weight and bias, transA = 0: factors go into the constants.
    Case 2: MatMul by a constant matrix: a Gemm without bias, between Reshapes where the input has
        more than two axes, so that the channels of its output are axis 1.
    Case 3: an Add of a constant row that is the only reader of such a product: its bias.
    Case 4: Gemm with a bias that differs between the rows of a batch: an Add behind it.
    """
    for node in tuple(model.graph):
        if node.op_type == "Gemm":
            _normalise(model, node)
        elif node.op_type == "MatMul":
            _from_matmul(model, node)
    for node in tuple(model.graph):
        if node.op_type == "Gemm" and len(node.inputs) == 2:
            _take_bias(model, node)


def _normalise(model: ir.Model, node: ir.Node) -> None:
    """Case 1."""
    weight = constant_of(node.inputs[1])
    bias = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if weight is None or (len(node.inputs) > 2 and bias is None) or integer(node, "transA", 0):
        return
    rows = weight if integer(node, "transB", 0) else weight.T
    rows = rows * weight.dtype.type(number(node, "alpha", 1.0))
    node.replace_input_with(1, add_constant(model, f"{node.name}::weight", rows))
    if bias is not None:
        _normalise_bias(model, node, bias * bias.dtype.type(number(node, "beta", 1.0)))
    for name in ("alpha", "beta", "transA"):
        node.attributes.pop(name, None)
    node.attributes["transB"] = ir.AttrInt64("transB", 1)


def _normalise_bias(model: ir.Model, node: ir.Node, bias: NDArray[np.float32]) -> None:
    """A row stays the product's bias (case 1), anything else is added behind it (case 4)."""
    shape = shape_of(node.outputs[0])
    row = _row(bias, shape[1])
    if row is not None:
        node.replace_input_with(2, add_constant(model, f"{node.name}::bias", row))
        return
    node.resize_inputs(2)
    table = add_constant(model, f"{node.name}::table", bias)
    stem = (node.name or "").rpartition("/")[0]
    add = make_node("Add", [node.outputs[0], table], name=f"{stem}/Add", shape=shape)
    add.replace_input_with(0, None)  # so that only the old readers move to the sum
    substitute(model, node.outputs[0], add.outputs[0])
    add.replace_input_with(0, node.outputs[0])
    model.graph.insert_after(node, add)


def _from_matmul(model: ir.Model, node: ir.Node) -> None:
    """Case 2."""
    source, weight = node.inputs[0], constant_of(node.inputs[1])
    if source is None or weight is None or source.const_value is not None:
        return
    shape, result = shape_of(source), shape_of(node.outputs[0])
    if len(shape) < 2 or weight.size != weight.shape[-2] * result[-1] or len(result) != len(shape):
        return
    stem = (node.name or "").rpartition("/")[0]
    nodes: list[ir.Node] = []
    if len(shape) > 2:
        flat = (math.prod(shape[:-1]), shape[-1])
        nodes.append(make_reshape(model, source, name=f"{stem}/Reshape", shape=flat))
    rows = add_constant(model, f"{node.name}::weight", weight.reshape(weight.shape[-2:]).T)
    gemm = make_node(
        "Gemm",
        [nodes[0].outputs[0] if nodes else source, rows],
        name=f"{stem}/Gemm",
        shape=(math.prod(result[:-1]), result[-1]),
        attributes={"transB": 1},
    )
    nodes.append(gemm)
    if len(shape) > 2:
        nodes.append(make_reshape(model, gemm.outputs[0], name=f"{stem}/Reshape_1", shape=result))
    replace_node(model, node, *nodes)


def _take_bias(model: ir.Model, node: ir.Node) -> None:
    """Case 3."""
    add = sole_consumer(node.outputs[0])
    if add is None or add.op_type != "Add":
        return
    constants = [c for c in map(constant_of, add.inputs) if c is not None]
    row = _row(constants[0], shape_of(node.outputs[0])[1]) if constants else None
    if row is None:
        return
    node.resize_inputs(3)
    node.replace_input_with(2, add_constant(model, f"{node.name}::bias", row))
    substitute(model, add.outputs[0], node.outputs[0])
    model.graph.remove(add, safe=True)


def _row(bias: NDArray[np.float32], out: int) -> NDArray[np.float32] | None:
    """The bias as (out,), None where it differs between the rows of a batch."""
    if bias.size == 1:
        return np.full(out, bias.reshape(()), bias.dtype)
    return bias.reshape(out) if bias.size == out and bias.shape[-1] == out else None
