"""In what memory an engine keeps the values of an ONNX graph.

A file names more values than an engine stores. In QDQ form a value between a dequantize and a
quantize node is held as the integers on the other side of them; a Reshape gives the memory it
reads; a Relu behind a convolution is the convolution's own clamp, a BatchNormalization is folded
into its weights. `Memory` maps every value to the one that is really stored.
"""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir

from edgeconv.files.onnx.nodes import is_clamp, is_dequantized, is_view
from edgeconv.files.operations import Tensor, size_in_bytes
from edgeconv.graph.operators.table import operator_of

_DTYPES = {"float": "float32", "double": "float64"}


class Memory:
    """Where the values of a graph are stored; each chain of nodes is followed once."""

    def __init__(self, graph: ir.Graph) -> None:
        self._constants = _constants(graph)
        self._sources: dict[ir.Value, ir.Value] = {}
        self._first_viewed: dict[ir.Value, ir.Value] = {}
        self._written: dict[ir.Value, ir.Value | None] = {}
        self._tensors: dict[ir.Value, Tensor] = {}

    def is_constant(self, value: ir.Value) -> bool:
        """Whether a value does not depend on the graph's inputs."""
        return value in self._constants

    def of(self, value: ir.Value) -> Tensor:
        """The tensor that holds a value."""
        if value not in self._tensors:
            self._tensors[value] = self._tensor(value)
        return self._tensors[value]

    def _tensor(self, value: ir.Value) -> Tensor:
        source = _end(value, self._before, self._sources)
        stored = source if self.is_constant(value) else self._stored(source)
        shape = shape_of(stored)
        dtype = dtype_of(stored)
        return Tensor(
            name=str(stored.name),
            shape=shape,
            dtype=dtype,
            bytes=size_in_bytes(shape, dtype),
            is_constant=self.is_constant(value),
        )

    def _before(self, value: ir.Value) -> ir.Value | None:
        """The value whose memory one node hands on, None where the node writes its own.

        The quantize node behind a view in QDQ form states the integers' scale once more, it writes
        none: back through it, too. One straight behind a dequantize node does change the integers.
        """
        node = value.producer()
        if node is None or not node.inputs:
            return None
        if is_view(node) or node.op_type == "DequantizeLinear":
            return node.inputs[0]
        read = node.inputs[0]
        if node.op_type != "QuantizeLinear" or read is None:
            return None
        if not is_view(read.producer()) or _sole_reader(read) is not node:
            return None
        first = _end(read, _viewed, self._first_viewed)
        return first if is_dequantized(first) else None

    def _stored(self, value: ir.Value) -> ir.Value:
        """On through what an engine computes in the same step, to the tensor that it stores."""
        producer = value.producer()
        if producer is not None and producer.op_type == "QuantizeLinear":
            return value
        passed: list[ir.Value] = []
        cursor, seen = value, {value}
        while cursor not in self._written:
            passed.append(cursor)
            reader = _sole_reader(cursor)
            on = reader is not None and reader.outputs and _is_in_same_step(reader)
            if reader is None or not on or reader.outputs[0] in seen:
                self._written[cursor] = None
            elif reader.op_type == "QuantizeLinear":
                self._written[cursor] = reader.outputs[0]
            else:
                cursor = reader.outputs[0]
                seen.add(cursor)
        for before, after in zip(passed[-2::-1], passed[:0:-1], strict=True):
            absorbed = is_absorbed(after.producer())
            self._written[before] = self._written[after] or (after if absorbed else None)
        return self._written[value] or value


def is_absorbed(node: ir.Node | None) -> bool:
    """Whether an engine computes a node inside the one before it."""
    if node is None or not node.inputs or node.inputs[0] is None or not node.outputs:
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
    """The shape a file states or implies; empty where it is unknown, None for no true dimension."""
    if value is None or value.shape is None:
        return ()
    return tuple(d if isinstance(d, int) and d >= 0 else None for d in value.shape)


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


def _end(
    value: ir.Value,
    before: Callable[[ir.Value], ir.Value | None],
    known: dict[ir.Value, ir.Value],
) -> ir.Value:
    """Back from value to value until there is none before; remembered for all on the way."""
    passed: dict[ir.Value, None] = {}
    while value not in known:
        passed[value] = None
        one = before(value)
        if one is None or one in passed:
            known[value] = value
        else:
            value = one
    known.update(dict.fromkeys(passed, known[value]))
    return known[value]


def _viewed(value: ir.Value) -> ir.Value | None:
    """What a view reads, None where no view wrote the value."""
    producer = value.producer()
    if producer is None or not is_view(producer) or not producer.inputs:
        return None
    return producer.inputs[0]


def _is_in_same_step(node: ir.Node) -> bool:
    return node.op_type == "QuantizeLinear" or is_absorbed(node) or is_view(node)


def _sole_reader(value: ir.Value) -> ir.Node | None:
    uses = value.uses()
    if value.is_graph_output() or len(uses) != 1:
        return None
    (use,) = uses
    return use.node if use.idx == 0 else None
