"""Values read at places along one axis, at any places, or beside others: constant or computed.

TFLite's kernels take no negative places. A constant one is counted from the front here; of a
computed one whose sign the graph does not tell, a SELECT_V2 chooses the place counted from the
front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout, plain
from edgeconv.export.tflite.lowerings.places import gather as gather_at_constants
from edgeconv.export.tflite.lowerings.slices import part
from edgeconv.export.tflite.program import Tensor, computed
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.computed_places import are_counted_from_the_front
from edgeconv.graph.view import constant_of, input_of, integer, shape_of


def gather(node: ir.Node, b: Builder) -> None:
    """Gather -> GATHER; int8: one scale, a constant that is read from on the output's.

    The axes of the indices stand where the axis stood: none for a single index. Neither tensor is
    transposed.
    """
    layout = _layout(node, b)
    x = _read(node, b, layout)
    axis = integer(node, "axis", 0) % len(layout.order)
    where = layout.file_axis(axis)
    indices, order = _indices(node, b, x.shape[where])
    put = {a: [a if a < axis else a + len(order) - 1] for a in layout.order}
    put[axis] = [axis + a for a in order]
    left = Layout(tuple(a for each in layout.order for a in put[each]))
    b.write(node, "GATHER", [x, indices], left, schema.GatherOptionsT(axis=where))


def gather_elements(node: ir.Node, b: Builder) -> None:
    """GatherElements by computed indices -> GATHER along the last axis, all before it a batch.

    Of what is read from the corner that the indices have a place beside is cut out first.
    """
    if constant_of(node.inputs[1]) is not None:
        gather_at_constants(node, b)
        return
    order = _layout(node, b).order
    axis, rank = integer(node, "axis", 0) % len(order), len(order)
    last = Layout((*(a for a in order if a != axis), axis))
    x = _read(node, b, last)
    shape = last.file_shape(shape_of(node.outputs[0]))
    indices = _from_the_front(node, b, b.read(node, 1, last), x.shape[-1])
    box = (*shape[:-1], x.shape[-1])
    if box != x.shape:
        cut = [x, b.ints(f"{node.name}/begin", [0] * rank), b.ints(f"{node.name}/size", box)]
        x = b.step(node, "beside", "SLICE", cut, box, options=schema.SliceOptionsT())
    options = schema.GatherOptionsT(axis=rank - 1, batchDims=rank - 1)
    b.write(node, "GATHER", [x, indices], last, options)


def gather_nd(node: ir.Node, b: Builder) -> None:
    """GatherND by computed indices -> GATHER_ND, in the hub's order; no batch."""
    if constant_of(node.inputs[1]) is not None:
        gather_at_constants(node, b)
        return
    if integer(node, "batch_dims", 0):
        raise CannotLower("reads from a batch at places that are computed; read them by gather")
    shape, places = shape_of(input_of(node)), shape_of(input_of(node, 1))
    order = plain(len(shape))
    x = _read(node, b, order)
    sizes = shape[: places[-1]]
    indices = _from_the_front(node, b, b.read(node, 1, plain(len(places))), sizes)
    rank = len(shape_of(node.outputs[0]))
    b.write(node, "GATHER_ND", [x, indices], plain(rank), schema.GatherNdOptionsT())


def _layout(node: ir.Node, b: Builder) -> Layout:
    """In which what is read from lies."""
    if input_of(node).const_value is not None:
        return plain(len(shape_of(input_of(node))))
    return Layout(b.layout(node).order)


def _read(node: ir.Node, b: Builder, layout: Layout) -> Tensor:
    """What is read from, in a layout: a constant on the output's scale."""
    is_constant = input_of(node).const_value is not None
    return part(node, b, 0, layout) if is_constant else b.read(node, 0, layout)


def _indices(node: ir.Node, b: Builder, size: int) -> tuple[Tensor, Sequence[int]]:
    """Places along an axis of a size, and the order of their axes in the file."""
    held = constant_of(node.inputs[1])
    if held is not None:
        return b.ints(f"{node.name}/indices", held % size), range(held.ndim)
    layout = Layout(b.layout(node, 1).order)
    return _from_the_front(node, b, b.read(node, 1, layout), size), layout.order


def _from_the_front(node: ir.Node, b: Builder, places: Tensor, size: int | Sequence[int]) -> Tensor:
    """LESS, ADD, SELECT_V2: the size is added where a place is negative.

    Of several sizes each belongs to one place along the last axis.
    """
    if are_counted_from_the_front(input_of(node, 1)):
        return places
    sizes, zero = b.ints(f"{node.name}/sizes", size), b.ints(f"{node.name}/zero", 0)
    is_negative = computed(b.unique(f"{node.name}/is_negative"), places.shape, np.bool_)
    b.emit("LESS", [places, zero], [is_negative], schema.LessOptionsT())
    added = b.step(
        node, "added", "ADD", [places, sizes], places.shape, options=schema.AddOptionsT()
    )
    inputs, options = [is_negative, added, places], schema.SelectV2OptionsT()
    return b.step(node, "places", "SELECT_V2", inputs, places.shape, options=options, like=places)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {"Gather": gather, "GatherElements": gather_elements, "GatherND": gather_nd}
)
