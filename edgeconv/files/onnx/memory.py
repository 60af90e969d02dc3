"""In what memory an engine keeps the values of an ONNX graph.

A file names more values than an engine stores. In QDQ form a value between a dequantize and a
quantize node is held as the integers on the other side of them; a Reshape gives the memory it
reads; a Relu behind a convolution is the convolution's own clamp, a BatchNormalization is folded
into its weights. `Memory` maps every value to the one that is really stored.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.files.onnx.nodes import is_clamp, is_dequantized, is_view
from edgeconv.files.operations import Tensor, size_in_bytes
from edgeconv.graph.operators.table import operator_of

_DTYPES = {"float": "float32", "double": "float64"}


class Memory:
    """Where the values of a graph are stored."""

    def __init__(self, graph: ir.Graph) -> None:
        self._constants = _constants(graph)

    def is_constant(self, value: ir.Value) -> bool:
        """Whether a value does not depend on the graph's inputs."""
        return value in self._constants

    def of(self, value: ir.Value) -> Tensor:
        """The tensor that holds a value."""
        source = _source(value)
        stored = source if self.is_constant(value) else _written(source)
        shape = shape_of(stored)
        dtype = dtype_of(stored)
        return Tensor(
            name=str(stored.name),
            shape=shape,
            dtype=dtype,
            bytes=size_in_bytes(shape, dtype),
            is_constant=self.is_constant(value),
        )


def is_absorbed(node: ir.Node) -> bool:
    """Whether an engine computes a node inside the one before it."""
    if not node.inputs or node.inputs[0] is None or not node.outputs:
        return False
    producer = node.inputs[0].producer()
    if producer is None or _sole_reader(node.inputs[0]) is not node:
        return False
    layer = operator_of(producer).weights
    if node.op_type == "BatchNormalization":
        return layer is not None and layer.bias_slot is not None
    if not is_clamp(node):
        return False
    folded = producer.op_type == "BatchNormalization" and is_absorbed(producer)
    return folded or operator_of(producer).absorbs


def shape_of(value: ir.Value | None) -> tuple[int | None, ...]:
    """The shape a file states or implies; empty where it is unknown."""
    if value is None or value.shape is None:
        return ()
    return tuple(d if isinstance(d, int) else None for d in value.shape)


def dtype_of(value: ir.Value) -> str:
    """The type of a value, as TFLite calls it too; float32 where the file does not tell."""
    if value.dtype is None:
        return "float32"
    name = value.dtype.name.lower()
    return _DTYPES.get(name, name)


def _constants(graph: ir.Graph) -> frozenset[ir.Value]:
    """Initializers and everything computed from them alone, which engines fold at loading."""
    found: set[ir.Value] = set(graph.initializers.values())
    for node in graph:
        read = [value for value in node.inputs if value is not None]
        if node.op_type == "Constant" or (read and all(value in found for value in read)):
            found.update(node.outputs)
    return frozenset(found)


def _source(value: ir.Value) -> ir.Value:
    """Back through views and dequantize nodes to what was written.

    The quantize node behind a view in QDQ form states the integers' scale once more, it writes
    none: back through it, too. One straight behind a dequantize node does change the integers.
    """
    seen = {value}
    while True:
        before = _before(value)
        if before is None or before in seen:
            return value
        seen.add(before)
        value = before


def _before(value: ir.Value) -> ir.Value | None:
    """The value whose memory one node hands on, None where the node writes its own."""
    node = value.producer()
    if node is None or not node.inputs:
        return None
    if is_view(node) or node.op_type == "DequantizeLinear":
        return node.inputs[0]
    read = node.inputs[0]
    if node.op_type != "QuantizeLinear" or read is None:
        return None
    view = read.producer()
    if view is None or not is_view(view) or _sole_reader(read) is not node:
        return None
    first = _first_viewed(view)
    return first if is_dequantized(first) else None


def _first_viewed(view: ir.Node) -> ir.Value | None:
    """What a chain of views begins with."""
    seen: set[ir.Node] = set()
    while view not in seen:
        seen.add(view)
        read = view.inputs[0] if view.inputs else None
        producer = None if read is None else read.producer()
        if producer is None or not is_view(producer):
            return read
        view = producer
    return None


def _written(value: ir.Value) -> ir.Value:
    """On through what an engine computes in the same step, to the tensor that it stores."""
    producer = value.producer()
    if producer is not None and producer.op_type == "QuantizeLinear":
        return value
    stored, cursor, seen = value, value, {value}
    while (reader := _sole_reader(cursor)) is not None and reader.outputs:
        cursor = reader.outputs[0]
        if cursor in seen:
            break
        seen.add(cursor)
        if reader.op_type == "QuantizeLinear":
            return cursor
        if is_absorbed(reader):
            stored = cursor
        elif not is_view(reader):
            break
    return stored


def _sole_reader(value: ir.Value) -> ir.Node | None:
    uses = tuple(value.uses())
    if value.is_graph_output() or len(uses) != 1 or uses[0].idx != 0:
        return None
    return uses[0].node
