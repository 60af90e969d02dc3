"""How the tensors of a TFLite file lie against the hub's, as its writer says.

NHWC for four axes and the hub's own order for any other number, but for the tensors that the file
names in a blob. Axes of size 1 may stand anywhere or be absent: they move no integer. Nothing is
told from shapes: a hub tensor (1, 4, 4, 16) that a Reshape gave may lie in the file as
(1, 4, 4, 16) in three orders.

    {"NAME": [[sizes of the hub's axes], [their order in the file]], ...}

What the file holds once for two tensors of the hub, which view it alike, has a second name there:

    {"NAME": [[sizes], [order], "the tensor's name in the file"], ...}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.documents import parse
from edgeconv.errors import ArtifactRefused
from edgeconv.files.tflite.file import TfliteFile

_BLOB = "edgeconv_tensor_order"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class TensorOrder:
    """How one tensor lies.

    Attributes:
        axes: sizes of the hub's axes; a flattened image's channels, rows and columns taken apart.
        order: the file holds axis order[i] as the i-th of them.
        held_by: name of the tensor in the file, where it is another.
    """

    axes: Shape
    order: tuple[int, ...]
    held_by: str | None = None

    def fits(self, file_shape: Shape, hub_shape: Shape) -> bool:
        """Whether a tensor of the file has the shape that this order gives the hub's."""
        if math.prod(self.axes) != math.prod(hub_shape):
            return False
        return _without_ones(file_shape) in (
            _without_ones(tuple(self.axes[axis] for axis in self.order)),
            _without_ones(hub_shape) if self.axes != hub_shape else None,
        )

    def in_hub_order(self, array: NDArray[Any], hub_shape: Shape) -> NDArray[Any]:
        """A tensor of the file brought to the hub's shape."""
        laid = array.reshape([self.axes[axis] for axis in self.order])
        return np.ascontiguousarray(laid.transpose(np.argsort(self.order))).reshape(hub_shape)


def usual(hub_shape: Shape) -> TensorOrder:
    """The order of a tensor of which the file says nothing."""
    order = (0, 2, 3, 1) if len(hub_shape) == 4 else tuple(range(len(hub_shape)))
    return TensorOrder(hub_shape, order)


def blobs_of(orders: Mapping[str, TensorOrder]) -> dict[str, bytes]:
    """The blob of a file, by its name; nothing where all tensors lie as is usual."""
    if not orders:
        return {}
    found = {
        name: [order.axes, order.order, *filter(None, [order.held_by])]
        for name, order in orders.items()
    }
    return {_BLOB: json.dumps(found, sort_keys=True, separators=(",", ":")).encode()}


def orders(file: TfliteFile) -> Mapping[str, TensorOrder]:
    """The orders a TFLite file names, by tensor; empty where all lie as is usual.

    Raises:
        ArtifactRefused: the blob is damaged.
    """
    try:
        named = parse(file.metadata.get(_BLOB, b"{}"))
        return {str(name): _order(*lie) for name, lie in named.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtifactRefused(
            f"{file.path}: what it says of the order of its tensors is damaged: {str(error)[:200]}"
        ) from error


def _order(axes: list[int], order: list[int], held_by: str | None = None) -> TensorOrder:
    if sorted(order) != list(range(len(axes))):
        raise ValueError(f"{order} is no order of {len(axes)} axes")
    if not isinstance(held_by, str | None):
        raise TypeError("the name of a tensor is no text")
    return TensorOrder(tuple(map(int, axes)), tuple(map(int, order)), held_by)


def _without_ones(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)
