"""Values brought from any constant places to any others.

TFLite's GATHER_ND and SCATTER_ND work on leading axes alone, and no XNNPACK runs them. A GATHER
among all values, flat, does the same in one operator, and since its indices are constants it reads
and writes whatever layouts the tensors have: nothing is transposed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Layout, standard
from edgeconv.export.tflite.lowerings.slices import part
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.places import Places, gathered, scattered
from edgeconv.graph.view import input_of, shape_of, string


def gather(node: ir.Node, b: Builder) -> None:
    """GatherElements, GatherND by constant indices -> RESHAPE, GATHER; int8: one scale."""
    layout = b.layout(node)
    lies = _lies(shape_of(input_of(node)), layout)
    _write(node, b, [b.read(node)], lies[gathered(node)])


def scatter(node: ir.Node, b: Builder) -> None:
    """ScatterND, ScatterElements to constant places -> RESHAPEs, CONCATENATION, GATHER.

    What is written stands behind what it is written over. int8: all on the output's scale.
    """
    if string(node, "reduction", "none") != "none":
        raise CannotLower("adds up what it writes to one place; write to each place once")
    tensors, lies, begin = [], [], 0
    for index in (0, 2):
        value = input_of(node, index)
        shape = shape_of(value)
        layout = Layout(tuple(range(len(shape))))
        if value.const_value is None:
            layout = b.layout(node, index)
        tensors.append(part(node, b, index, layout))
        lies.append(_lies(shape, layout) + begin)
        begin += math.prod(shape)
    sources = scattered(node)
    kept = lies[0].reshape(sources.shape)
    written = lies[1][np.maximum(sources, 0)]
    _write(node, b, tensors, np.where(sources < 0, kept, written))


def _lies(shape: tuple[int, ...], layout: Layout) -> Places:
    """Where in the file's flat order each value of a tensor's flat order lies."""
    numbers = np.arange(math.prod(shape), dtype=np.int64)
    lies = np.empty_like(numbers)
    lies[layout.to_file(numbers.reshape(shape)).reshape(-1)] = numbers
    return lies


def _write(node: ir.Node, b: Builder, tensors: Sequence[Tensor], places: Places) -> None:
    """The values at places, counted through the tensors one behind the other."""
    flat = [b.reshaped(node, "flat", tensor, (math.prod(tensor.shape),)) for tensor in tensors]
    source = flat[0]
    if len(flat) > 1:
        count = (sum(tensor.shape[0] for tensor in flat),)
        options = schema.ConcatenationOptionsT(axis=0)
        source = b.step(node, "joined", "CONCATENATION", flat, count, options=options)
    layout = standard(places.ndim)
    indices = b.ints(f"{node.name}/places", layout.to_file(places))
    b.write(node, "GATHER", [source, indices], layout, schema.GatherOptionsT(axis=0))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "ScatterElements": scatter,
        "ScatterND": scatter,
    }
)
