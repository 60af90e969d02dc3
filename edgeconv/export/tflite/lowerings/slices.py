"""Joining tensors, cutting them up and repeating them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.preferences import before_cutting
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import (
    input_of,
    integer,
    shape_of,
    slices_of,
)

#: XNNPACK runs SPLIT up to this many parts.
_MOST_PARTS = 4
#: And CONCATENATION of up to this many.
_MOST_JOINED = 5


def concat(node: ir.Node, b: Builder) -> None:
    """Concat -> CONCATENATION, all in the layout of the first computed one; int8: on one scale.

    More than XNNPACK takes are joined in several steps.
    """
    computed = [i for i, value in enumerate(node.inputs) if value and value.const_value is None]
    if not computed:
        raise CannotLower("joins constants alone; join them before the export")
    layout = Layout(b.layout(node, computed[0]).order)
    tensors = [part(node, b, index, layout) for index in range(len(node.inputs))]
    axis = layout.file_axis(integer(node, "axis", 0))
    while len(tensors) > _MOST_JOINED:
        tensors = _fewer(node, b, tensors, axis)
    b.write(node, "CONCATENATION", tensors, layout, schema.ConcatenationOptionsT(axis=axis))


def _fewer(node: ir.Node, b: Builder, tensors: Sequence[Tensor], axis: int) -> list[Tensor]:
    """The same with some neighbours joined: those of the fewest values, which are copied twice."""
    count = min(_MOST_JOINED, len(tensors) - _MOST_JOINED + 1)
    groups = [tensors[start : start + count] for start in range(len(tensors) - count + 1)]
    lengths = [sum(tensor.shape[axis] for tensor in group) for group in groups]
    start = lengths.index(min(lengths))
    shape = list(tensors[0].shape)
    shape[axis] = lengths[start]
    options = schema.ConcatenationOptionsT(axis=axis)
    joined = b.step(node, "joined", "CONCATENATION", groups[start], tuple(shape), options=options)
    return [*tensors[:start], joined, *tensors[start + count :]]


def part(node: ir.Node, b: Builder, index: int, layout: Layout) -> Tensor:
    """What is joined to others: of a constant what the plan makes of it, then rescaled."""
    if input_of(node, index).const_value is None:
        return b.read(node, index, layout)
    part = b.constant(node, index, layout.to_file)
    if part.is_quantized:
        steps = part.values.astype(np.float32) - part.zero_point
        part = b.floats(part.name, steps * np.float32(part.scale))
    return b.at_output_scale(node, part)


def tile(node: ir.Node, b: Builder) -> None:
    """Tile, Expand -> TILE, after a RESHAPE where there are more axes than before; one scale."""
    value = input_of(node)
    shape, new_shape = shape_of(value), shape_of(node.outputs[0])
    layout = Layout(b.layout(node).order)
    x = b.read(node, 0, layout)
    added = len(new_shape) - len(shape)
    if added:
        layout = Layout((*range(added), *(axis + added for axis in layout.order)))
        shape = (1,) * added + shape
        x = b.reshaped(node, "aligned", x, layout.file_shape(shape))
    counts = [new // old for old, new in zip(shape, new_shape, strict=True)]
    multiples = b.ints(f"{node.name}/multiples", layout.file_shape(tuple(counts)))
    b.write(node, "TILE", [x, multiples], layout, schema.TileOptionsT())


def split(node: ir.Node, b: Builder) -> None:
    """Split -> SPLIT into equal parts, else one SLICE a part; int8: all on one scale.

    Before it stands a TRANSPOSE where the parts would else be transposed one by one.
    """
    layout = before_cutting(node, Layout(b.layout(node).order))
    x = b.read(node, 0, layout)
    axis = layout.file_axis(integer(node, "axis", 0))
    sizes = [layout.file_shape(shape_of(value))[axis] for value in node.outputs]
    used = all(_is_read(value) for value in node.outputs)
    if len(set(sizes)) == 1 and used and len(sizes) <= _MOST_PARTS:
        options = schema.SplitOptionsT(numSplits=len(sizes))
        where = b.ints(f"{node.name}/axis", np.array(axis))
        b.write(node, "SPLIT", [where, x], layout, options)
        return
    start = 0
    for value, size in zip(node.outputs, sizes, strict=True):
        if _is_read(value):
            begin = [start if i == axis else 0 for i in range(len(x.shape))]
            inputs = [x, *_box(node, b, begin, value, layout)]
            b.write_values(node, [value], "SLICE", inputs, layout, schema.SliceOptionsT())
        start += size


def slice_(node: ir.Node, b: Builder) -> None:
    """Slice -> SLICE, or STRIDED_SLICE where it steps; int8: one scale."""
    layout = Layout(b.layout(node).order)
    x = b.read(node, 0, layout)
    value = node.outputs[0]
    spans = [s.indices(n) for s, n in zip(slices_of(node), shape_of(input_of(node)), strict=True)]
    begin = [spans[axis][0] for axis in layout.order]
    if all(step == 1 for _, _, step in spans):
        box = _box(node, b, begin, value, layout)
        b.write(node, "SLICE", [x, *box], layout, schema.SliceOptionsT())
        return
    stride = [spans[axis][2] for axis in layout.order]
    sizes = layout.file_shape(shape_of(value))
    # An end of -1, one before the first element, would be read as the last element: masked.
    end = [s + size * step for s, size, step in zip(begin, sizes, stride, strict=True)]
    mask = sum(1 << i for i, stop in enumerate(end) if stop < 0)
    inputs = [
        x,
        b.ints(f"{node.name}/begin", begin),
        b.ints(f"{node.name}/end", end),
        b.ints(f"{node.name}/strides", stride),
    ]
    b.write(node, "STRIDED_SLICE", inputs, layout, schema.StridedSliceOptionsT(endMask=mask))


def _is_read(value: ir.Value) -> bool:
    return bool(tuple(value.uses())) or value.is_graph_output()


def _box(
    node: ir.Node, b: Builder, begin: Sequence[int], value: ir.Value, layout: Layout
) -> tuple[Any, Any]:
    """The begin and size inputs of a SLICE."""
    sizes = layout.file_shape(shape_of(value))
    return b.ints(f"{node.name}/begin", begin), b.ints(f"{node.name}/size", sizes)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "Concat": concat,
        "Expand": tile,
        "Slice": slice_,
        "Split": split,
        "Tile": tile,
    }
)
