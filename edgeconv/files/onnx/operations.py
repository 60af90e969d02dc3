"""What an ONNX graph of any tool computes, operator by operator, in terms both formats share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir

from edgeconv.files.onnx.foreign_shapes import complete
from edgeconv.files.onnx.load import load_inferred, refusing_damage
from edgeconv.files.onnx.memory import Memory, dtype_of, is_absorbed, shape_of
from edgeconv.files.onnx.nodes import is_view, kind_of, weights_slots
from edgeconv.files.operations import (
    FLOATS,
    Convolution,
    End,
    ModelOperations,
    Operation,
    Tensor,
    elements,
)
from edgeconv.graph.operators.table import operator_named
from edgeconv.graph.view import constant_of, integer, sole_consumer
from edgeconv.runtime import external_data

_QUANTIZE = frozenset({"QuantizeLinear", "DequantizeLinear"})


def read_onnx(path: Path) -> ModelOperations:
    """The operators of a file's main graph, local functions inlined.

    Constant nodes, and what engines compute once from constants, do not count.

    Raises:
        ArtifactRefused: it is no ONNX file.
    """
    graph = load_inferred(path)
    with refusing_damage(path):
        elsewhere = {place: place.length for place in external_data.check(path)}
        return _read(graph, path.stat().st_size + sum(elsewhere.values()))


def _read(graph: ir.Graph, size: int) -> ModelOperations:
    complete(graph)
    memory = Memory(graph)
    fed = [value for value in graph.inputs if not value.is_initializer()]
    converting = {id(part) for node in graph for part in _spelled_dequantization(node)}
    return ModelOperations(
        format="onnx",
        bytes=size,
        inputs=tuple(map(_end, fed)),
        outputs=tuple(map(_end, graph.outputs)),
        operations=tuple(
            _operation(node, memory)
            for node in graph
            if node.op_type not in _QUANTIZE
            and id(node) not in converting
            and not all(memory.is_constant(value) for value in node.outputs)
        ),
        fed=tuple(map(memory.of, fed)),
        given=tuple(map(memory.of, graph.outputs)),
    )


def _spelled_dequantization(cast: ir.Node) -> list[ir.Node]:
    """The nodes of a DequantizeLinear that is spelled out, from its first: Cast, Sub, Mul.

    Files have it where an optimizer would take what reads it for an int8 operator.
    """
    if cast.op_type != "Cast" or cast.inputs[0] is None:
        return []
    if cast.inputs[0].dtype not in (ir.DataType.INT8, ir.DataType.UINT8):
        return []
    nodes = [cast]
    for kind in ("Sub", "Mul"):
        after = sole_consumer(nodes[-1].outputs[0])
        if after is not None and after.op_type == kind and constant_of(after.inputs[1]) is not None:
            nodes.append(after)
    return nodes if nodes[-1].op_type == "Mul" else []


def _operation(node: ir.Node, memory: Memory) -> Operation:
    read = [value for value in node.inputs if value is not None]
    written = [value for value in node.outputs if value.name]
    stored_in = tuple(map(memory.of, read))
    stored_out = tuple(map(memory.of, written))
    computes = not is_view(node) and not is_absorbed(node)
    return Operation(
        type=node.op_type,
        kind=kind_of(node),
        name=node.name or (str(written[0].name) if written else node.op_type),
        multiply_adds=_multiply_adds(node),
        parameters=_parameters(node, memory),
        activation_dtypes=frozenset(
            tensor.dtype
            for index, tensor in enumerate((*stored_in, *stored_out))
            if not tensor.is_constant or _is_float_weight(node, index, tensor)
        ),
        reads=stored_in if computes else (),
        writes=_distinct(stored_out) if computes else (),
        convolution=_convolution(node),
        adds_up=_adds_up(node),
    )


def _is_float_weight(node: ir.Node, index: int, tensor: Tensor) -> bool:
    """Whether a tensor is a layer's weight in float: then no engine multiplies integers there."""
    layer = operator_named(node.op_type).weights
    return layer is not None and index == layer.slot and tensor.dtype in FLOATS


def _distinct(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple({tensor.name: tensor for tensor in tensors}.values())


def _adds_up(node: ir.Node) -> bool:
    """Whether it means or sums whole axes; a maximum chooses."""
    row = operator_named(node.op_type)
    return kind_of(node) == "reduction" and row.values != "chosen"


def _parameters(node: ir.Node, memory: Memory) -> int:
    """Constants in values, but for shapes, bounds, scales and zero points."""
    slots, row = weights_slots(node), operator_named(node.op_type)
    held: tuple[int | None, ...] = ()
    if slots is not None:
        held = (0, slots.slot, slots.bias_slot)
    elif row.operands and row.kind != "move":
        held = (0, 1)
    elif row.kind == "normalization":
        held = (1, 2)
    found = [node.inputs[i] for i in held if i is not None and i < len(node.inputs)]
    return sum(elements(shape_of(v)) for v in found if v is not None and memory.is_constant(v))


def _multiply_adds(node: ir.Node) -> int:
    slots = weights_slots(node)
    if slots is None or not node.outputs:
        return 0
    source, weight = shape_of(node.inputs[0]), shape_of(node.inputs[slots.slot])
    if node.op_type == "ConvTranspose":  # every input spreads one filter
        return elements(source) * elements(weight[1:])
    output = elements(shape_of(node.outputs[0]))
    if kind_of(node) == "convolution":  # every output adds up one filter
        return output * elements(weight[1:])
    inner = source[-2:-1] if integer(node, "transA", 0) else source[-1:]
    return output * elements(inner)


def _convolution(node: ir.Node) -> Convolution | None:
    slots = weights_slots(node)
    if slots is None or kind_of(node) != "convolution" or node.op_type == "ConvTranspose":
        return None
    source = shape_of(node.inputs[0])
    weight = shape_of(node.inputs[slots.slot])
    output = shape_of(node.outputs[0])
    if min(len(source), len(weight), len(output)) < 3:
        return None
    return Convolution(
        kernel=elements(weight[2:]),
        in_channels=max(1, source[1] or 1),
        out_channels=max(1, weight[0] or 1),
        groups=max(1, integer(node, "group", 1)),
        in_positions=elements((source[0], *source[2:])),
        out_positions=elements((output[0], *output[2:])),
    )


def _end(value: ir.Value) -> End:
    dtype = dtype_of(value) if value.dtype is not None else "unknown"
    return End(str(value.name), shape_of(value), dtype)
