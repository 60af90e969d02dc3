"""One form for products of matrices: MatMul of two computed tensors, and layers as `gemm` has them.

Gemm(x, y computed, c)   -> MatMul(x, y), Mul by alpha, Add of beta c
MatMul(vector, ...)      -> Reshape to a matrix, MatMul, Reshape
MatMul(constant, x)      -> Transpose, MatMul(x', constant'), Transpose
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape, replace_node
from edgeconv.graph.view import constant_of, input_of, integer, number, shape_of


def normalise_matrices(model: ir.Model) -> None:
    """Rewrites Gemm and MatMul nodes.

    Case 1: Gemm whose second matrix is computed: a MatMul and what is scaled and added behind.
    Case 2: MatMul of a vector: of a matrix with one row or column.
    Case 3: MatMul of one constant matrix by a computed tensor: by its transpose, from the right.
    """
    for node in tuple(model.graph):
        if node.op_type == "Gemm" and constant_of(node.inputs[1]) is None:
            _spell_out(model, node)
    for node in tuple(model.graph):
        if node.op_type == "MatMul":
            _widen(model, node)
    for node in tuple(model.graph):
        if node.op_type == "MatMul":
            _turn(model, node)


def _spell_out(model: ir.Model, node: ir.Node) -> None:
    """Case 1."""
    stem, shape = _stem(node), shape_of(node.outputs[0])
    nodes: list[ir.Node] = []
    operands = []
    for index, name in enumerate(("transA", "transB")):
        value = input_of(node, index)
        if integer(node, name, 0):
            nodes.append(_transpose(value, stem))
            value = nodes[-1].outputs[0]
        operands.append(value)
    nodes.append(make_node("MatMul", operands, name=f"{stem}/MatMul", shape=shape))
    alpha, beta = (number(node, name, 1.0) for name in ("alpha", "beta"))
    if alpha != 1.0:
        nodes.append(_scaled(model, nodes[-1].outputs[0], alpha, stem))
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        addend = input_of(node, 2)
        last = nodes[-1].outputs[0]
        if beta != 1.0:
            nodes.append(_scaled(model, addend, beta, stem))
            addend = nodes[-1].outputs[0]
        nodes.append(make_node("Add", [last, addend], name=f"{stem}/Add", shape=shape))
    replace_node(model, node, *nodes)


def _widen(model: ir.Model, node: ir.Node) -> None:
    """Case 2."""
    stem, shapes = _stem(node), [shape_of(input_of(node, index)) for index in range(2)]
    if all(len(shape) > 1 for shape in shapes):
        return
    wide = [shapes[0] if len(shapes[0]) > 1 else (1, *shapes[0])]
    wide.append(shapes[1] if len(shapes[1]) > 1 else (*shapes[1], 1))
    nodes: list[ir.Node] = []
    operands = []
    for index in range(2):
        value, array = input_of(node, index), constant_of(node.inputs[index])
        if array is not None:
            value = add_constant(model, f"{node.name}::matrix", array.reshape(wide[index]))
        elif wide[index] != shapes[index]:
            nodes.append(make_reshape(model, value, name=f"{stem}/Reshape", shape=wide[index]))
            value = nodes[-1].outputs[0]
        operands.append(value)
    shape = (*np.broadcast_shapes(wide[0][:-2], wide[1][:-2]), wide[0][-2], wide[1][-1])
    nodes.append(make_node("MatMul", operands, name=f"{stem}/MatMul", shape=shape))
    result = shape_of(node.outputs[0])
    nodes.append(make_reshape(model, nodes[-1].outputs[0], name=f"{stem}/Reshape_1", shape=result))
    replace_node(model, node, *nodes)


def _turn(model: ir.Model, node: ir.Node) -> None:
    """Case 3."""
    matrix, value = constant_of(node.inputs[0]), input_of(node, 1)
    if matrix is None or constant_of(value) is not None:
        return
    if matrix.size != matrix.shape[-2] * matrix.shape[-1] or matrix.ndim > len(shape_of(value)):
        return  # a matrix for each of a batch
    stem, shape = _stem(node), shape_of(node.outputs[0])
    before = _transpose(value, stem)
    turned = add_constant(model, f"{node.name}::weight", matrix.reshape(matrix.shape[-2:]).T)
    product = make_node(
        "MatMul", [before.outputs[0], turned], name=f"{stem}/MatMul", shape=_swapped(shape)
    )
    replace_node(model, node, before, product, _transpose(product.outputs[0], stem))


def _transpose(value: ir.Value, stem: str) -> ir.Node:
    """The last two axes of a value swapped, not yet in a graph."""
    shape = shape_of(value)
    perm = _swapped(tuple(range(len(shape))))
    return make_node(
        "Transpose",
        [value],
        name=f"{stem}/Transpose",
        shape=_swapped(shape),
        attributes={"perm": list(perm)},
    )


def _scaled(model: ir.Model, value: ir.Value, factor: float, stem: str) -> ir.Node:
    constant = add_constant(model, f"{stem}::factor", np.array(factor, np.float32))
    return make_node("Mul", [value, constant], name=f"{stem}/Mul", shape=shape_of(value))


def _swapped(axes: Sequence[int]) -> tuple[int, ...]:
    *front, last_but_one, last = axes
    return (*front, last, last_but_one)


def _stem(node: ir.Node) -> str:
    return (node.name or "").rpartition("/")[0]
