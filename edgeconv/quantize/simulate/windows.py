"""Sliding windows over the last two axes of an NCHW array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgeconv.errors import UnsupportedOperator
from edgeconv.graph.view import input_of, ints, name_of, shape_of

Array = NDArray[Any]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """Where a convolution or a pool reads.

    Attributes:
        kernel, strides, dilations: (vertical, horizontal).
        before, after: elements of padding, as much as the last window reads.
        output: (height, width) of the output.
        size: (height, width) of the input.
        counted_after: padding behind the image that counts as part of it (ceil mode reads on).
    """

    kernel: Pair
    strides: Pair
    dilations: Pair
    before: Pair
    after: Pair
    output: Pair
    size: Pair
    counted_after: Pair

    def padded(self, array: Array, fill: float) -> Array:
        """The image with its border."""
        if not any(self.before + self.after):
            return array
        widths = [(0, 0), (0, 0), *zip(self.before, self.after, strict=True)]
        return np.pad(array, widths, constant_values=fill)

    def taps(self, image: Array) -> Iterator[tuple[Pair, Array]]:
        """Each tap of the kernel, and the values of the padded image it meets, (N, C, H, W)."""
        height, width = self.output
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                top, left = i * self.dilations[0], j * self.dilations[1]
                rows = slice(top, top + (height - 1) * self.strides[0] + 1, self.strides[0])
                columns = slice(left, left + (width - 1) * self.strides[1] + 1, self.strides[1])
                yield (i, j), image[:, :, rows, columns]

    def columns(self, image: Array) -> Array:
        """The padded image as (N, C * kernel values, output positions)."""
        batch, channels = image.shape[:2]
        if self.kernel == (1, 1):
            (_, seen), *_ = self.taps(image)
            return seen.reshape(batch, channels, -1)
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        views = sliding_window_view(image, reach, axis=(2, 3))
        height, width = self.output
        views = views[:, :, :: self.strides[0], :: self.strides[1]][:, :, :height, :width]
        views = views[..., :: self.dilations[0], :: self.dilations[1]]
        taps = channels * self.kernel[0] * self.kernel[1]
        return views.transpose(0, 1, 4, 5, 2, 3).reshape(batch, taps, height * width)

    def counts(self, *, includes_padding: bool) -> NDArray[np.int64]:
        """How many values each window's average is over, (height, width)."""
        sides = []
        for axis in range(2):
            starts = np.arange(self.output[axis]) * self.strides[axis] - self.before[axis]
            low, high = 0, self.size[axis]
            if includes_padding:
                low, high = -self.before[axis], self.size[axis] + self.counted_after[axis]
            ends = starts + self.kernel[axis]
            sides.append(np.minimum(ends, high) - np.maximum(starts, low))
        return np.outer(*sides)


def windows_of(node: ir.Node, kernel: tuple[int, ...]) -> Windows:
    """The windows of a Conv or a pool over two axes.

    Raises:
        UnsupportedOperator: it works along another number of axes.
    """
    if len(kernel) != 2:
        raise UnsupportedOperator(
            f"{node.op_type} {node.name} works along {len(kernel)} axes; the simulator knows two"
        )
    sizes, outputs = shape_of(input_of(node))[2:], shape_of(node.outputs[0])[2:]
    strides, dilations = ints(node, "strides", (1, 1)), ints(node, "dilations", (1, 1))
    needed = [
        (outputs[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - sizes[i]
        for i in range(2)
    ]
    pads = ints(node, "pads", (0, 0, 0, 0))
    if min(pads) < 0:
        raise UnsupportedOperator(f"{node.op_type} {name_of(node.outputs[0])} pads negatively")
    after = [max(needed[i] - pads[i], 0) for i in range(2)]
    return Windows(
        kernel=(kernel[0], kernel[1]),
        strides=(strides[0], strides[1]),
        dilations=(dilations[0], dilations[1]),
        before=(pads[0], pads[1]),
        after=(after[0], after[1]),
        output=(outputs[0], outputs[1]),
        size=(sizes[0], sizes[1]),
        counted_after=(pads[2], pads[3]),
    )
