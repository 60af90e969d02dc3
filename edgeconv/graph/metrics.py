"""What a graph costs: parameters, multiply-adds, bytes of activations.

Multiply-adds are counted as the papers count them: one multiplication and one addition are one,
convolutions and matrix products alone count, biases and activations do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.graph.view import integer, shape_of

#: Operators whose constant inputs a training run has learnt.
_LEARNT = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "MatMul", "Mul", "Add", "Sub", "Div", "PRelu"}
)


@dataclass(frozen=True)
class NodeCost:
    """What one operator costs.

    Attributes:
        name: of the node.
        op_type: its ONNX operator.
        parameters: numbers in its learnt constants.
        multiply_adds: for the graph's batch size.
        output_elements: numbers it writes, zero where the operator before it absorbs it.
    """

    name: str
    op_type: str
    parameters: int
    multiply_adds: int
    output_elements: int


@dataclass(frozen=True)
class GraphCost:
    """What a graph costs.

    Attributes:
        nodes: in the order they run.
        parameters: numbers in weights, biases and other learnt constants, BatchNorm folded.
        multiply_adds: of one run.
        activation_elements: numbers written in one run, the input included; times the bytes of the
            type they are stored in, the traffic of activations in one direction.
        peak_elements: most numbers alive at once when operators run in the graph's order, the
            least a runtime's arena must hold.
    """

    nodes: tuple[NodeCost, ...]
    parameters: int
    multiply_adds: int
    activation_elements: int
    peak_elements: int


def graph_cost(model: ir.Model) -> GraphCost:
    """Counts what a hub graph costs.

    Raises:
        NetRefused: a tensor has no static shape.
    """
    nodes = tuple(_node_cost(node) for node in model.graph)
    fed = sum(math.prod(shape_of(value)) for value in model.graph.inputs)
    return GraphCost(
        nodes=nodes,
        parameters=sum(node.parameters for node in nodes),
        multiply_adds=sum(node.multiply_adds for node in nodes),
        activation_elements=fed + sum(node.output_elements for node in nodes),
        peak_elements=_peak_elements(model),
    )


def multiply_adds(node: ir.Node) -> int:
    """Multiply-adds of one operator, zero for any but convolutions and matrix products."""
    if node.op_type == "Conv":
        weight = node.inputs[1]
        assert weight is not None
        return math.prod(shape_of(node.outputs[0])) * math.prod(shape_of(weight)[1:])
    if node.op_type == "ConvTranspose":
        source, weight = node.inputs[0], node.inputs[1]
        assert source is not None
        assert weight is not None
        return math.prod(shape_of(source)) * math.prod(shape_of(weight)[1:])
    if node.op_type in {"Gemm", "MatMul"}:
        source = node.inputs[0]
        assert source is not None
        inner = shape_of(source)[-2 if integer(node, "transA", 0) else -1]
        return math.prod(shape_of(node.outputs[0])) * inner
    return 0


def _node_cost(node: ir.Node) -> NodeCost:
    constants = [v for v in node.inputs if v is not None and v.const_value is not None]
    learnt = node.op_type in _LEARNT
    return NodeCost(
        name=node.name or "",
        op_type=node.op_type,
        parameters=sum(math.prod(shape_of(v)) for v in constants) if learnt else 0,
        multiply_adds=multiply_adds(node),
        output_elements=0
        if is_absorbed(node)
        else sum(math.prod(shape_of(v)) for v in node.outputs if v.name),
    )


def _peak_elements(model: ir.Model) -> int:
    """Walks the order of execution: a tensor lives from its operator to its last reader."""
    steps = [node for node in model.graph if not is_absorbed(node)]
    last_read: dict[ir.Value, int] = {}
    for step, node in enumerate(steps):
        for value in node.inputs:
            if value is not None and value.const_value is None:
                last_read[value] = step
    for value in model.graph.outputs:
        last_read[value] = len(steps)
    alive = {value: math.prod(shape_of(value)) for value in model.graph.inputs}
    peak = sum(alive.values())
    for step, node in enumerate(steps):
        written = [written_output(node)] if len(node.outputs) == 1 else list(node.outputs)
        alive.update((value, math.prod(shape_of(value))) for value in written if value.name)
        peak = max(peak, sum(alive.values()))
        alive = {value: size for value, size in alive.items() if last_read.get(value, -1) > step}
    return peak
