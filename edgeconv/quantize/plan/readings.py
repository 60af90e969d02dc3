"""What the readers of a tensor make of its values: its errors count behind them.

A swish gives next to nothing for values below zero, so a grid may be coarse there, and clip them.
Where a layer that clamps reads a tensor, rare large values are taken away again, and clipping them
costs little; where none does, they are what the net goes on with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.fusion import fused_activation
from edgeconv.graph.operators.table import operator_of
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.observe.targets import Target
from edgeconv.quantize.plan.ranges import CLAMPED_CLIPPING, Curve, Reading
from edgeconv.quantize.plan.weights import layer_of

#: That know every activation a hub graph may hold.
_OPSET, _IR_VERSION = 20, 9

#: Of every form met so far: the few there are, the same for each plan that asks.
_curves: dict[str, Curve] = {}


def readings(model: ir.Model, wanted: Sequence[Target]) -> dict[str, Reading]:
    """How each of these tensors of a graph is read, by name."""
    clamped = _clamped(model)
    found = {}
    for target in wanted:
        if nodes := _bend(target.value):
            form = " ".join(map(_form, nodes))
            if form not in _curves:
                _curves[form] = _curve(nodes)
            found[target.name] = Reading(_curves[form])
        elif target.value in clamped:
            found[target.name] = Reading(clipping=CLAMPED_CLIPPING)
    return found


def _form(node: ir.Node) -> str:
    """What makes an operator of no weights the same function as another."""
    return f"{node.op_type} {sorted((k, str(a.value)) for k, a in node.attributes.items())}"


def _clamped(model: ir.Model) -> set[ir.Value]:
    """What a layer reads, past what has no weights, that clamps to both sides; followed once."""
    found: set[ir.Value] = set()
    for node in reversed(model.graph):
        passes = layer_of(node) is None and not found.isdisjoint(node.outputs)
        if passes or clamps(node):
            found.update(value for value in node.inputs if value is not None)
    return found


def clamps(node: ir.Node) -> bool:
    """Whether a node is a layer that clamps to both sides."""
    fused = fused_activation(node) if layer_of(node) is not None else None
    return fused is not None and math.isfinite(fused.bounds[1])


def _bend(value: ir.Value) -> tuple[ir.Node, ...]:
    """All that reads a tensor x, where that is flat below: f(x), or x * gate(x); else nothing."""
    readers = list(dict.fromkeys(use.node for use in value.uses()))
    if value.is_graph_output() or not readers or any(len(n.outputs) != 1 for n in readers):
        return ()
    first, *others = readers
    low, high = operator_of(first).bounds
    if operator_of(first).kind != "activation" or len(first.inputs) != 1 or not math.isfinite(low):
        return ()
    if not others:
        return () if math.isfinite(high) else (first,)
    (product,), gated = others[:1], first.outputs[0]
    is_gated = product.op_type == "Mul" and set(product.inputs) == {value, gated}
    alone = len(others) == 1 and len(gated.uses()) == 1 and not gated.is_graph_output()
    return (first, product) if is_gated and alone and (low, high) == (0.0, 1.0) else ()


def _curve(nodes: tuple[ir.Node, ...]) -> Curve:
    """Nodes that compute one number from one as a function of an array, as onnxruntime has it."""
    source = ir.Value(name="x", shape=ir.Shape(["n"]), type=ir.TensorType(ir.DataType.FLOAT))
    held = {nodes[0].inputs[0]: source}
    copies = []
    for node in nodes:
        inputs = [held[value] for value in node.inputs if value is not None]
        copies.append(ir.Node("", node.op_type, inputs, list(node.attributes.values())))
        copies[-1].outputs[0].name = f"y{len(copies)}"
        held[node.outputs[0]] = copies[-1].outputs[0]
    result = copies[-1].outputs[0]
    result.shape, result.type = source.shape, source.type
    graph = ir.Graph([source], [result], nodes=copies, opset_imports={"": _OPSET}, name="curve")
    session = open_graph(ir.Model(graph, ir_version=_IR_VERSION))

    def curve(values: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = values.astype(np.float32).reshape(-1)
        (bent,) = session.run(None, {"x": flat})
        found: NDArray[np.float64] = bent.astype(np.float64).reshape(values.shape)
        return found

    return curve
