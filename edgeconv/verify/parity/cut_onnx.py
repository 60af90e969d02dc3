"""Cuts an int8 ONNX file into operators that can be fed and read one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from edgeconv.files.onnx.nodes import is_clamp, kind_of
from edgeconv.files.tflite.tensor_order import TensorOrder, usual
from edgeconv.graph.qdq_names import hub_name_of
from edgeconv.graph.view import constant_of, shape_of
from edgeconv.runtime.session import TensorSpec


@dataclass(frozen=True)
class Tensors:
    """Those of a TFLite file.

    Attributes:
        specs: by name.
        orders: how the unusual ones lie, by name.
    """

    specs: Mapping[str, TensorSpec]
    orders: Mapping[str, TensorOrder]

    def held(self, name: str) -> TensorSpec | None:
        """The tensor that is called so, perhaps besides another name."""
        order = self.orders.get(name)
        return self.specs.get(name if order is None or order.held_by is None else order.held_by)

    def order_of(self, name: str, hub: str, shape: tuple[int, ...]) -> TensorOrder | None:
        """How a tensor that carries a hub tensor's integers lies; None where its shape is another.

        A tensor of which the file says nothing lies as the hub tensor's own.
        """
        spec, order = self.held(name), self.orders.get(name) or self.orders.get(hub) or usual(shape)
        return order if spec is not None and order.fits(spec.shape, shape) else None


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
        lies: how those lie in their tensor.
    """

    name: str
    op_type: str
    written: str | None
    fed: str
    shape: tuple[int, ...]
    tensor: str
    lies: TensorOrder

    def in_hub_order(self, array: NDArray[Any]) -> NDArray[Any]:
        """What the TFLite tensor holds, in the hub's order and shape."""
        return self.lies.in_hub_order(array, self.shape)

    def explained(self, steps: Mapping[str, NDArray[np.int16]]) -> NDArray[np.int16] | int:
        """Of what is explained by tensor, in the file's order, this tensor's; 0 for most."""
        return self.in_hub_order(steps[self.tensor]) if self.tensor in steps else 0


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
        tensors: those of the TFLite file.
    """
    graph = model.graph
    fed = tuple(graph.inputs)
    cuts = [cut for value in fed if (cut := _uint8_input(value, tensors)) is not None]
    unmatched: list[str] = []
    graph.outputs.clear()
    for node in tuple(graph):
        if node.op_type != "QuantizeLinear" or _is_moved(node):
            continue
        cut = _behind(node, tensors)
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
    shape = shape_of(value)
    if value.dtype != ir.DataType.UINT8 or name not in tensors.specs:
        return None
    lies = tensors.order_of(name, name, shape)
    return None if lies is None else Cut(name, "input", None, name, shape, name, lies)


def _behind(node: ir.Node, tensors: Tensors) -> Cut | None:
    """The cut behind a QuantizeLinear, None where the TFLite file has no such tensor."""
    integers, source = node.outputs[0], node.inputs[0]
    named = hub_name_of(str(integers.name))
    if named is None or source is None:
        return None
    hub, requantized = named
    shape = shape_of(integers)
    name = _requantized_name(node, hub, tensors) if requantized else _tensor_of(hub, tensors)
    lies = None if name is None else tensors.order_of(name, hub, shape)
    if name is None or lies is None:
        return None
    return Cut(
        name=str(integers.name) if requantized else hub,
        op_type="QuantizeLinear" if requantized else _operator_behind(source),
        written=None if source.is_graph_input() else str(integers.name),
        fed=f"{integers.name}::given",
        shape=shape,
        tensor=lies.held_by or name,
        lies=lies,
    )


def _is_moved(node: ir.Node) -> bool:
    source = node.inputs[0]
    producer = None if source is None else source.producer()
    return producer is not None and kind_of(producer) in ("view", "transpose")


def _operator_behind(value: ir.Value) -> str:
    """The operator that writes a value, seen through the clamp it absorbs."""
    producer = value.producer()
    if producer is None:
        return "input"
    source = producer.inputs[0]
    before = source.producer() if is_clamp(producer) and source is not None else None
    if before is None or before.op_type == "DequantizeLinear":
        return producer.op_type
    return before.op_type


def _tensor_of(hub: str, tensors: Tensors) -> str | None:
    """The int8 tensor that carries the hub's name, at a converted end of the file with a suffix."""
    for name in (hub, f"{hub}/int8"):
        if name in tensors.specs and tensors.specs[name].dtype == np.int8:
            return name
    return None


def _requantized_name(node: ir.Node, hub: str, tensors: Tensors) -> str | None:
    """The name of the requantized tensor with this QuantizeLinear's parameters."""
    scale, zero_point = constant_of(node.inputs[1]), constant_of(node.inputs[2])
    if scale is None or zero_point is None:
        return None
    named = re.compile(rf"{re.escape(hub)}/requantized(:\d+)?")
    for name in filter(named.fullmatch, (*tensors.specs, *tensors.orders)):
        spec = tensors.held(name)
        if spec is None or spec.dtype != np.int8 or spec.scale is None:
            continue
        if np.float32(spec.scale) == scale.item() and spec.zero_point == zero_point.item():
            return name
    return None
