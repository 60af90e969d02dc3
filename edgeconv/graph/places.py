"""Which value of what it reads an operator with constant indices puts where."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import input_of, integer, require_constant, shape_of

Places = NDArray[np.int64]


def gathered(node: ir.Node) -> Places:
    """Of a GatherElements or GatherND: for each value of its result, its place in the flat input.

    Raises:
        NetRefused: the indices are computed at run time.
    """
    shape = shape_of(input_of(node))
    numbers = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    indices = require_constant(node, 1)
    if node.op_type == "GatherElements":
        beside: Places = numbers[_beside(indices, integer(node, "axis", 0) % len(shape), shape)]
        return beside
    batch, depth = integer(node, "batch_dims", 0), indices.shape[-1]
    lead = [np.expand_dims(np.arange(n), [a for a in range(batch) if a != axis])
            for axis, n in enumerate(shape[:batch])]  # fmt: skip
    more = indices.ndim - 1 - batch
    fixed = [np.reshape(each, each.shape + (1,) * more) for each in lead]
    places: Places = numbers[(*fixed, *(indices[..., i] for i in range(depth)))]
    return places


def scattered(node: ir.Node) -> Places:
    """Of a ScatterND or ScatterElements: for each value of its result, which of the flat updates.

    -1 where the input's value stays.

    Raises:
        NetRefused: the indices are computed at run time.
    """
    shape = shape_of(input_of(node))
    indices, updates = require_constant(node, 1), shape_of(input_of(node, 2))
    sources = np.full(shape, -1, np.int64)
    numbers = np.arange(math.prod(updates), dtype=np.int64).reshape(updates)
    if node.op_type == "ScatterElements":
        sources[_beside(indices, integer(node, "axis", 0) % len(shape), shape)] = numbers
    else:
        sources[tuple(indices[..., i] for i in range(indices.shape[-1]))] = numbers
    return sources


def _beside(
    indices: NDArray[np.int64], axis: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], ...]:
    """Indices along one axis, joined by each value's own along the others."""
    places: list[Places] = list(np.indices(indices.shape, sparse=True))
    places[axis] = indices % shape[axis]
    return tuple(places)
