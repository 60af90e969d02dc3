"""Gives swishes an argument of their own, so that what they gate can be scaled channel by channel.

A swish does not commute with a factor: what it reads and writes keeps its scale. Once its sigmoid
reads the tensor through a Mul, a factor k[c] on a channel of x and of y is taken back there:

    x -> Sigmoid -> g          k x -> Mul(1 / k) -> Sigmoid -> g
    x, g -> Mul -> y           k x, g -> Mul -> k y

The same function; the Mul costs a pass over the tensor. Here it begins as a Mul by one, which
leaves every factor to equalization (`equalize`). A hard swish is spelled out for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import onnx_ir as ir

from edgeconv.errors import BundleRefused
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, make_node, replace_node
from edgeconv.graph.passes.hard_activations import ALPHA, BETA
from edgeconv.graph.view import input_of, name_of, shape_of
from edgeconv.quantize.plan.weights import layer_of


def swishes(model: ir.Model) -> Iterator[str]:
    """The tensors that swishes behind layers of filters give, in the order they are computed."""
    for node in model.graph:
        if _swish_at(node) is not None:
            yield name_of(node.outputs[0])


def argument_of(tensor: str) -> str:
    """The name of what a swish's sigmoid reads once it has an argument of its own, and its node."""
    return f"{tensor}/argument"


def with_own_arguments(model: ir.Model, tensors: Collection[str]) -> ir.Model:
    """A copy of the hub graph in which the sigmoids of these swishes read through a Mul by one.

    Args:
        model: a hub graph.
        tensors: of those that `swishes` gives.

    Raises:
        BundleRefused: one is none of them.
    """
    copy = model.clone()
    found = {name_of(node.outputs[0]): node for node in copy.graph if _swish_at(node) is not None}
    for name in tensors:
        node = found.pop(name, None)
        if node is None:
            raise BundleRefused(
                f"no swish gives {name[:80]!r}: the manifest is not this net's; export the net "
                "again"
            )
        if node.op_type == "HardSwish":
            node = _spelled_out(copy, node)
        gate = _swish_at(node)
        assert gate is not None
        source = input_of(gate)
        shape = shape_of(source)
        ones = np.ones((1, shape[1], *(1,) * (len(shape) - 2)), np.float32)
        factor = add_constant(copy, f"{argument_of(name)}.factor", ones)
        product = make_node("Mul", [source, factor], name=argument_of(name), shape=shape)
        product.outputs[0].name = argument_of(name)
        copy.graph.insert_before(gate, product)
        gate.replace_input_with(0, product.outputs[0])
    return copy


def _swish_at(node: ir.Node) -> ir.Node | None:
    """The sigmoid (of a hard swish, the node itself) where a node gives x * sigmoid(x) of a layer's
    output x."""
    if node.op_type == "HardSwish":
        return node if _is_layers(input_of(node)) else None
    if node.op_type != "Mul" or len(node.inputs) != 2:
        return None
    for x, gate in (node.inputs, node.inputs[::-1]):
        sigmoid = gate.producer() if gate is not None else None
        if x is None or sigmoid is None or not _is_layers(x):
            continue
        if operator_of(sigmoid).bounds == (0.0, 1.0) and sigmoid.inputs[0] is x:
            return sigmoid
    return None


def _is_layers(x: ir.Value) -> bool:
    node = x.producer()
    layer = layer_of(node) if node is not None else None
    return layer is not None and layer.has_filters


def _spelled_out(model: ir.Model, node: ir.Node) -> ir.Node:
    source, name = input_of(node), name_of(node.outputs[0])
    shape = shape_of(source)
    slope = {"alpha": ALPHA, "beta": BETA}
    gate = make_node("HardSigmoid", [source], name=f"{name}/gate", shape=shape, attributes=slope)
    gate.outputs[0].name = f"{name}/gate"
    product = make_node("Mul", [source, gate.outputs[0]], name=node.name or name, shape=shape)
    replace_node(model, node, gate, product)
    product.outputs[0].name = name
    return product
