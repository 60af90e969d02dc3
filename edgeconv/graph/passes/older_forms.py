"""Brings nodes of newer opsets into the form of opset 17, which hub graphs have.

Newer opsets mostly let operators take more types, which does not concern float32. What moved is
moved back: axes of reductions from an input to an attribute, likewise of a Pad; a Split into equal
parts no longer counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from edgeconv.errors import NetRefused
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.view import constant_of, input_of, require_constant, shape_of, string, title_of

OPSET = 17


def state_in_opset_17(model: ir.Model) -> None:
    """Rewrites every node that opset 17 has in another form; older graphs stay as they are.

    Raises:
        NetRefused: a node does what opset 17 cannot say.
    """
    opset = model.opset_imports.get("", OPSET)
    if opset <= OPSET:
        return
    for node in tuple(model.graph):
        change = _changed(node)
        if change is not None:
            change(model, node)
        _drop_defaults(node, opset)
        _require_older(node, opset)
    model.opset_imports[""] = OPSET


def _changed(node: ir.Node) -> Callable[[ir.Model, ir.Node], None] | None:
    if operator_of(node).kind == "reduction":
        return _axes_as_attribute
    return _CHANGES.get(node.op_type)


def _axes_as_attribute(_: ir.Model, node: ir.Node) -> None:
    """Of a reduction; ReduceSum has had them as an input since opset 13."""
    older = schema_at(node.op_type, OPSET)
    if older is None or older.max_input > 1 or len(node.inputs) < 2:
        return
    if node.inputs[1] is not None:
        axes = [int(axis) for axis in require_constant(node, 1)]
        if axes or not node.attributes.pop("noop_with_empty_axes", None):
            _set(node, "axes", axes or None)
    node.attributes.pop("noop_with_empty_axes", None)
    node.resize_inputs(1)


def _equal_parts(model: ir.Model, node: ir.Node) -> None:
    """Of a Split: opset 17 divides evenly by itself, and is told the sizes otherwise."""
    attribute = node.attributes.pop("num_outputs", None)
    if attribute is None or (len(node.inputs) > 1 and node.inputs[1] is not None):
        return
    axis_attribute = node.attributes.get("axis")
    axis = 0 if axis_attribute is None else axis_attribute.as_int()
    size, count = shape_of(input_of(node))[axis], attribute.as_int()
    part = -(-size // count)
    sizes = np.array([part] * (count - 1) + [size - part * (count - 1)], np.int64)
    node.resize_inputs(2)
    node.replace_input_with(1, add_constant(model, f"{node.name}::sizes", sizes))


def _pads_of_all_axes(model: ir.Model, node: ir.Node) -> None:
    """Of a Pad that names the axes it pads."""
    if len(node.inputs) < 4:
        return
    if node.inputs[3] is not None:
        rank = len(shape_of(input_of(node)))
        given = require_constant(node, 1).reshape(2, -1)
        pads = np.zeros((2, rank), np.int64)
        for index, axis in enumerate(require_constant(node, 3)):
            pads[:, int(axis) % rank] = given[:, index]
        node.replace_input_with(1, add_constant(model, f"{node.name}::pads", pads.ravel()))
    node.resize_inputs(3)


def _scales_of_all_axes(model: ir.Model, node: ir.Node) -> None:
    """Of a Resize that names the axes it resizes."""
    attribute = node.attributes.pop("axes", None)
    if attribute is None:
        return
    shape = shape_of(input_of(node))
    axes = [axis % len(shape) for axis in attribute.as_ints()]
    for slot, whole in ((2, np.ones(len(shape), np.float32)), (3, np.array(shape, np.int64))):
        given = constant_of(node.inputs[slot]) if slot < len(node.inputs) else None
        if given is not None and given.size:
            whole[axes] = given
            node.replace_input_with(slot, add_constant(model, f"{node.name}::{slot}", whole))


def _older_modes(_: ir.Model, node: ir.Node) -> None:
    """Of a GridSample."""
    renamed = {"linear": "bilinear", "cubic": "bicubic"}
    mode = string(node, "mode", "linear")
    _set(node, "mode", renamed.get(mode, mode))


_CHANGES: Mapping[str, Callable[[ir.Model, ir.Node], None]] = MappingProxyType(
    {
        "Split": _equal_parts,
        "Pad": _pads_of_all_axes,
        "Resize": _scales_of_all_axes,
        "GridSample": _older_modes,
    }
)


def _drop_defaults(node: ir.Node, opset: int) -> None:
    """Takes out the attributes that opset 17 lacks, where they say what it does anyway."""
    older, newer = schema_at(node.op_type, OPSET), schema_at(node.op_type, opset)
    if older is None:
        return
    known = older.attributes
    for name, attribute in list(node.attributes.items()):
        stated = None if newer is None or name in known else newer.attributes.get(name)
        if stated is not None and _is_idle(name, attribute.value, stated):
            del node.attributes[name]


def _is_idle(name: str, value: Any, stated: onnx.defs.OpSchema.Attribute) -> bool:
    """Whether an attribute has its default value, or dilates by one."""
    default = stated.default_value
    if default.type and onnx.helper.get_attribute_value(default) in (value, str(value).encode()):
        return True
    return name == "dilations" and all(one == 1 for one in value)


def _require_older(node: ir.Node, opset: int) -> None:
    """Raises NetRefused where opset 17 has no such form of a node, and hub graphs have none."""
    older = schema_at(node.op_type, OPSET)
    if older is None:
        if operator_of(node).kind == "unknown" and schema_at(node.op_type, opset) is not None:
            raise NetRefused(
                f"{node.op_type} {title_of(node)} is an operator of opset {opset} that edgeconv "
                "does not know; export the net at an older opset, such as 17"
            )
        return
    extra = list(set(node.attributes) - set(older.attributes))
    if extra or len(node.inputs) > older.max_input:
        what = f"attribute {extra[0]}" if extra else f"input {older.max_input}"
        raise NetRefused(
            f"{node.op_type} {title_of(node)} has the {what} of opset {opset}, which edgeconv does "
            "not know; export the net at an older opset, such as 17"
        )


def schema_at(op_type: str, opset: int) -> onnx.defs.OpSchema | None:
    """An operator as an opset has it; None where it has none, or none is known that new."""
    try:
        return onnx.defs.get_schema(op_type, min(opset, onnx.defs.onnx_opset_version()))
    except onnx.defs.SchemaError:
        return None


def _set(node: ir.Node, name: str, value: Any) -> None:
    if value is None:
        node.attributes.pop(name, None)
    else:
        node.attributes[name] = ir.convenience.convert_attribute(name, value)
