"""Cuts an int8 ONNX file into operators that can be fed and read one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from edgeconv.graph.qdq_names import hub_name_of
from edgeconv.graph.view import constant_of, shape_of
from edgeconv.runtime.session import TensorSpec

#: Operators that change no integer, only where it lies.
MOVES = frozenset({"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_CLAMPS = frozenset({"Relu", "Clip"})

Tensors = Mapping[str, TensorSpec]


@dataclass(frozen=True)
class Cut:
    """Where the ONNX file is cut.

    Attributes:
        name: the hub tensor, or the edge it is requantized for.
        op_type: operator that writes it.
        written: name of the integers the ONNX operator writes; None where they are fed to the file.
        fed: name of the graph input that feeds its readers.
        shape: in the hub's order.
        tensor: name of the TFLite tensor that holds the integers.
    """

    name: str
    op_type: str
    written: str | None
    fed: str
    shape: tuple[int, ...]
    tensor: str


@dataclass(frozen=True, eq=False)
class IsolatedOperators:
    """An int8 file in which every operator reads graph inputs and writes graph outputs.

    Attributes:
        model: the file, cut.
        cuts: where.
        unmatched: tensors behind which it could not be cut, for the TFLite file holds none of that
            name, type and layout; their operators run joined to their readers.
    """

    model: ir.Model
    cuts: tuple[Cut, ...]
    unmatched: tuple[str, ...]


def isolate(model: ir.Model, tensors: Tensors) -> IsolatedOperators:
    """Cuts behind every QuantizeLinear whose integers the TFLite file holds too.

    Args:
        model: an int8 file in QDQ form; changed.
        tensors: those of the TFLite file, by name.
    """
    graph = model.graph
    fed = tuple(graph.inputs)
    moved = _moved_cubes(graph)
    cuts = [cut for value in fed if (cut := _uint8_input(value, tensors)) is not None]
    unmatched: list[str] = []
    graph.outputs.clear()
    for node in tuple(graph):
        if node.op_type != "QuantizeLinear" or _is_moved(node):
            continue
        cut = None if node.outputs[0] in moved else _behind(node, tensors)
        if cut is None:
            unmatched.append(str(node.outputs[0].name))
            continue
        cuts.append(cut)
        _feed_readers(graph, node.outputs[0], cut)
    common.RemoveUnusedNodesPass()(model)
    for value in tuple(graph.inputs):
        if not tuple(value.uses()):
            graph.inputs.remove(value)
    return IsolatedOperators(model, tuple(cuts), tuple(unmatched))


def _feed_readers(graph: ir.Graph, integers: ir.Value, cut: Cut) -> None:
    given = ir.Value(name=cut.fed, shape=integers.shape, type=integers.type)
    integers.replace_all_uses_with(given)
    graph.inputs.append(given)
    if cut.written is not None:
        graph.outputs.append(integers)


def _uint8_input(value: ir.Value, tensors: Tensors) -> Cut | None:
    """An input of raw pixels is fed to both files as it is."""
    name = str(value.name)
    if value.dtype != ir.DataType.UINT8 or not _lies_as(shape_of(value), tensors.get(name)):
        return None
    return Cut(name, "input", None, name, shape_of(value), name)


def _behind(node: ir.Node, tensors: Tensors) -> Cut | None:
    """The cut behind a QuantizeLinear, None where the TFLite file has no such tensor."""
    integers, source = node.outputs[0], node.inputs[0]
    named = hub_name_of(str(integers.name))
    if named is None or source is None:
        return None
    hub, requantized = named
    shape = shape_of(integers)
    tensor = _requantized_tensor(node, hub, tensors) if requantized else _tensor_of(hub, tensors)
    if tensor is None or not _lies_as(shape, tensors[tensor]):
        return None
    return Cut(
        name=str(integers.name) if requantized else hub,
        op_type="QuantizeLinear" if requantized else _operator_behind(source),
        written=None if source.is_graph_input() else str(integers.name),
        fed=f"{integers.name}::given",
        shape=shape,
        tensor=tensor,
    )


def _is_moved(node: ir.Node) -> bool:
    source = node.inputs[0]
    producer = None if source is None else source.producer()
    return producer is not None and producer.op_type in MOVES


def _operator_behind(value: ir.Value) -> str:
    """The operator that writes a value, seen through the clamp it absorbs."""
    producer = value.producer()
    if producer is None:
        return "input"
    source = producer.inputs[0]
    before = source.producer() if producer.op_type in _CLAMPS and source is not None else None
    if before is None or before.op_type == "DequantizeLinear":
        return producer.op_type
    return before.op_type


def _tensor_of(hub: str, tensors: Tensors) -> str | None:
    """The int8 tensor that carries the hub's name, at a converted end of the file with a suffix."""
    for name in (hub, f"{hub}/int8"):
        if name in tensors and tensors[name].dtype == np.int8:
            return name
    return None


def _requantized_tensor(node: ir.Node, hub: str, tensors: Tensors) -> str | None:
    """The requantized tensor with this QuantizeLinear's parameters."""
    scale, zero_point = constant_of(node.inputs[1]), constant_of(node.inputs[2])
    if scale is None or zero_point is None:
        return None
    for name, spec in tensors.items():
        if not name.startswith(f"{hub}/requantized") or spec.dtype != np.int8 or spec.scale is None:
            continue
        if np.float32(spec.scale) == scale.item() and spec.zero_point == zero_point.item():
            return name
    return None


def _moved_cubes(graph: ir.Graph) -> set[ir.Value]:
    """Images whose axes the net itself has moved, and whose shape cannot tell in which order.

    Such a tensor, of as many channels as rows and columns, may lie in the file in either order.
    """
    moved: set[ir.Value] = set()
    for node in graph:
        after = any(value in moved for value in node.inputs) != (node.op_type == "Transpose")
        if after and node.op_type != "Conv":
            moved.update(node.outputs)
    return {v for v in moved if len(shape_of(v)) == 4 and len(set(shape_of(v)[1:])) == 1}


def _lies_as(shape: tuple[int, ...], spec: TensorSpec | None) -> bool:
    """Whether a TFLite tensor holds a hub tensor in the usual layout.

    NHWC for four axes; a pooled (N, C, 1, 1) may also lie flat, as (N, C).
    """
    if spec is None:
        return False
    if len(shape) != 4:
        return spec.shape == shape
    return spec.shape == (shape[0], *shape[2:], shape[1]) or (*spec.shape, 1, 1) == shape
