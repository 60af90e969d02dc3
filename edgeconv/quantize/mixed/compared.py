"""What of a net's outputs tells how noisy a plan is, whatever they hold.

    reals            the difference's mean square over float's own, of each part of an output
    whole numbers    the share that differs

These are added up over all parts of all outputs. Of large maps some thousand places do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.parts import parts_of
from edgeconv.graph.view import shape_of

#: Values of an output of one photo that are looked at, at most.
MOST_VALUES = 2**14
_ENERGY_FLOOR = 1e-30


@dataclass(frozen=True, eq=False)
class _Part:
    """Values that belong together: which columns they are, and whether they are whole numbers."""

    columns: NDArray[np.intp]
    is_whole: bool


class Compared:
    """The outputs of one graph: `read` and `noise_of` are for `SwitchedNet` and `measure`."""

    def __init__(self, model: ir.Model) -> None:
        """`model` has a row for each photo of a batch in every output."""
        self._batch = shape_of(model.graph.inputs[0])[0]
        sizes = [math.prod(shape_of(value)) // self._batch for value in model.graph.outputs]
        self._places = [_places(size) for size in sizes]
        self._parts = list(_parts(model, self._places))

    def read(self, outputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """The values that are looked at, (batch, values)."""
        rows = [
            array.reshape(self._batch, -1)[:, places].astype(np.float32)
            for array, places in zip(outputs, self._places, strict=True)
        ]
        return np.concatenate(rows, axis=1)

    def noise_of(self, reference: NDArray[Any], rounded: NDArray[Any]) -> NDArray[np.float64]:
        """(photos, values) in float and rounded, to (photos,)."""
        noise = np.zeros(len(reference))
        for part in self._parts:
            exact = reference[:, part.columns].astype(np.float64)
            error = rounded[:, part.columns] - exact
            if part.is_whole:
                noise += (error != 0).mean(axis=1)
            else:
                noise += np.square(error).mean(axis=1) / max(np.square(exact).mean(), _ENERGY_FLOOR)
        return noise


def _places(count: int) -> NDArray[np.intp]:
    """Which of so many values are looked at, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_VALUES)).astype(np.intp))


def _parts(model: ir.Model, places: Sequence[NDArray[np.intp]]) -> Iterator[_Part]:
    start = 0
    for value, own in zip(model.graph.outputs, places, strict=True):
        number = np.zeros(math.prod(shape_of(value)), np.intp)
        for index, part in enumerate(parts_of(value).parts):
            number[part.places.reshape(-1)] = index
        of_first = number[own]
        for index in np.unique(of_first):
            columns = start + np.flatnonzero(of_first == index)
            yield _Part(columns, value.dtype is not None and not value.dtype.is_floating_point())
        start += len(own)
