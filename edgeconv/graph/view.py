"""Read-only helpers over onnx_ir nodes and values, so that lowerings read as what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import NetRefused
from edgeconv.graph.operators.table import operator_of

_PLACE, _IN_FLOAT = "edgeconv.place", "edgeconv.in_float"


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """Static shape of a value; raises NetRefused where a dimension is unknown."""
    if value.shape is None or not all(isinstance(d, int) for d in value.shape):
        raise NetRefused(f"tensor {value.name} has no static shape ({value.shape})")
    return tuple(int(d) for d in value.shape)  # type: ignore[arg-type]  # checked just above


def name_of(value: ir.Value) -> str:
    """The value's name; every hub value has one."""
    if not value.name:
        raise NetRefused("the graph holds a tensor without a name")
    return value.name


def input_names(model: ir.Model) -> list[str]:
    """The graph's inputs, in their order."""
    return [name_of(value) for value in model.graph.inputs]


def set_place(node: ir.Node, place: str | None) -> None:
    """Notes which file and line a node comes from; such notes are never written to a file."""
    if place:
        node.meta[_PLACE] = place


def place_of(node: ir.Node) -> str | None:
    """File and line a node comes from, where they are known."""
    found: str | None = node.meta.get(_PLACE)
    return found


def keep_in_float(node: ir.Node) -> None:
    """Notes that a node is part of a function that int8 files compute in float as a whole."""
    node.meta[_IN_FLOAT] = True


def is_kept_in_float(node: ir.Node) -> bool:
    """Whether `keep_in_float` noted so."""
    return bool(node.meta.get(_IN_FLOAT))


def title_of(node: ir.Node) -> str:
    """A node for a message: its name, and the file and line it comes from where they are known."""
    name, place = node.name or "?", place_of(node)
    return f"{name} at {place}" if place else name


def producer_of(value: ir.Value) -> ir.Node:
    """The node that gives a value; raises NetRefused where it is an input or a constant."""
    node = value.producer()
    if node is None:
        raise NetRefused(f"{value.name} is computed by no operator")
    return node


def constant_of(value: ir.Value | None) -> NDArray[Any] | None:
    """The array a value is bound to, or None where it is computed or absent."""
    if value is None or value.const_value is None:
        return None
    return value.const_value.numpy()


def array_of(value: ir.Value) -> NDArray[Any]:
    """The array of a value that is constant; raises NetRefused where it is computed at run time."""
    array = constant_of(value)
    if array is None:
        node = value.producer()
        told = "" if node is None else f" (by {node.op_type} {title_of(node)})"
        raise NetRefused(f"{value.name} must be a constant, it is computed at run time{told}")
    return array


def set_constant(model: ir.Model, name: str, array: NDArray[Any]) -> None:
    """Gives an initializer of the graph another array, as float32."""
    stored = np.asarray(array, np.float32, order="C")
    model.graph.initializers[name].const_value = ir.tensor(stored, name=name)


def require_constant(node: ir.Node, index: int) -> NDArray[Any]:
    """The constant at an input of a node; raises NetRefused where it is computed at run time."""
    value = node.inputs[index]
    array = constant_of(value)
    if array is None:
        raise NetRefused(
            f"{node.op_type} {title_of(node)}: input {index} must be a constant, "
            "it is computed at run time"
        )
    return array


def input_of(node: ir.Node, index: int = 0) -> ir.Value:
    """An input that the node cannot do without; raises NetRefused where it is not there."""
    value = node.inputs[index] if index < len(node.inputs) else None
    if value is None:
        raise NetRefused(f"{node.op_type} {title_of(node)} has no input {index}")
    return value


def activation_inputs(node: ir.Node) -> list[tuple[int, ir.Value]]:
    """(index, value) of every input that is computed at run time, graph inputs included."""
    return [(i, v) for i, v in enumerate(node.inputs) if v is not None and v.const_value is None]


def is_real(value: ir.Value) -> bool:
    """Whether a value holds real numbers, not indices or truth values."""
    return value.dtype in (None, ir.DataType.FLOAT)


def real_inputs(node: ir.Node) -> list[tuple[int, ir.Value]]:
    """Those of `activation_inputs` that hold real numbers: what int8 can stand for."""
    return [(i, v) for i, v in activation_inputs(node) if is_real(v)]


def ints(node: ir.Node, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """An INTS attribute, or the default where it is absent."""
    attribute = node.attributes.get(name)
    return tuple(default) if attribute is None else tuple(attribute.as_ints())


def integer(node: ir.Node, name: str, default: int) -> int:
    """An INT attribute, or the default where it is absent."""
    attribute = node.attributes.get(name)
    return default if attribute is None else int(attribute.as_int())


def number(node: ir.Node, name: str, default: float) -> float:
    """A FLOAT attribute, or the default where it is absent."""
    attribute = node.attributes.get(name)
    return default if attribute is None else float(attribute.as_float())


def string(node: ir.Node, name: str, default: str) -> str:
    """A STRING attribute, or the default where it is absent."""
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_string()


def slices_of(node: ir.Node) -> tuple[slice, ...]:
    """What a Slice takes along every axis; raises NetRefused where that is computed at run time."""
    found = [slice(None)] * len(shape_of(input_of(node)))
    given = [
        require_constant(node, i).tolist() for i, v in enumerate(node.inputs) if i and v is not None
    ]
    starts, ends = given[:2]
    has_axes = len(node.inputs) > 3 and node.inputs[3] is not None
    axes = given[2] if has_axes else range(len(starts))
    steps = given[-1] if len(node.inputs) > 4 and node.inputs[4] is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        found[axis] = slice(start, end, step)
    return tuple(found)


def reduced_axes(node: ir.Node) -> tuple[int, ...]:
    """Axes along which a reduction or a pool over the image reduces, counted from the front."""
    rank = len(shape_of(input_of(node)))
    if operator_of(node).kind == "pool":
        return tuple(range(2, rank))
    given = constant_of(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = ints(node, "axes", range(rank)) if given is None else given.tolist()
    return tuple(axis % rank for axis in axes)


def keeps_axes(node: ir.Node) -> bool:
    """Whether what a node reduces along stays as axes of length one."""
    return integer(node, "keepdims", 1) == 1


def sole_consumer(value: ir.Value) -> ir.Node | None:
    """The one node that reads the value, or None: several readers, none, or a graph output."""
    uses = tuple(value.uses())
    if len(uses) != 1 or value.is_graph_output():
        return None
    return uses[0].node
