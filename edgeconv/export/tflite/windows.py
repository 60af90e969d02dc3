"""Sliding windows over an image, and which of them TensorFlow's SAME and VALID give."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower
from edgeconv.export.tflite.layout import Shape
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import SAME, VALID, schema
from edgeconv.graph.view import input_of, ints, shape_of

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """One spatial axis of a convolution or a pool.

    Attributes:
        size: input length.
        output: output length.
        kernel: number of taps.
        stride: step of the window.
        dilation: distance between taps.
        before: padding at the start, as ONNX states it.
        after: padding at the end, as ONNX states it.
    """

    size: int
    output: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def reach(self) -> int:
        """Input elements from the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def missing(self) -> int:
        """Elements the last window reads past the input's end; negative where it ends earlier."""
        return (self.output - 1) * self.stride + self.reach - self.size - self.before

    @property
    def is_valid(self) -> bool:
        """Whether TensorFlow's VALID gives this output from the bare input."""
        return self.before == 0 and self.output == (self.size - self.reach) // self.stride + 1

    @property
    def is_same(self) -> bool:
        """Whether TensorFlow's SAME pads exactly as this window does.

        SAME gives ceil(size / stride) outputs and puts the smaller half of the padding before.
        """
        if self.output != -(-self.size // self.stride):
            return False
        total = max((self.output - 1) * self.stride + self.reach - self.size, 0)
        return self.before == total // 2


@dataclass(frozen=True)
class Windows:
    """Both spatial axes of a node."""

    rows: Window
    columns: Window

    @property
    def strides(self) -> Pair:
        """(vertical, horizontal)."""
        return self.rows.stride, self.columns.stride

    @property
    def kernel(self) -> Pair:
        """(height, width)."""
        return self.rows.kernel, self.columns.kernel

    @property
    def dilations(self) -> Pair:
        """(vertical, horizontal)."""
        return self.rows.dilation, self.columns.dilation

    @property
    def padding(self) -> int | None:
        """The schema's SAME or VALID, None where only an explicit PAD gives these windows."""
        if self.rows.is_valid and self.columns.is_valid:
            return VALID
        if self.rows.is_same and self.columns.is_same:
            return SAME
        return None

    @property
    def pads(self) -> tuple[Pair, Pair]:
        """((top, bottom), (left, right)) of a PAD after which VALID gives these windows."""
        rows, columns = self.rows, self.columns
        return (rows.before, max(rows.missing, 0)), (columns.before, max(columns.missing, 0))


def windows_of(node: ir.Node, kernel: Shape) -> Windows:
    """The windows of a Conv or a pool.

    Raises:
        CannotLower: it works along one axis or three, or pads by a negative number.
    """
    value, result = input_of(node), node.outputs[0]
    sizes, outputs = shape_of(value), shape_of(result)
    if len(sizes) != 4:
        raise CannotLower(f"works along {len(sizes) - 2} spatial axes; 2 are supported")
    strides = ints(node, "strides", (1, 1))
    dilations = ints(node, "dilations", (1, 1))
    top, left, bottom, right = ints(node, "pads", (0, 0, 0, 0))
    if min(top, left, bottom, right) < 0:
        raise CannotLower("has negative padding; crop with a slice instead")
    return Windows(
        Window(sizes[2], outputs[2], kernel[0], strides[0], dilations[0], top, bottom),
        Window(sizes[3], outputs[3], kernel[1], strides[1], dilations[1], left, right),
    )


def padded(node: ir.Node, b: Builder, x: Tensor, pads: tuple[Pair, Pair]) -> Tensor:
    """An NHWC tensor with a border of zeros (int8: of the zero point), for a convolution.

    XNNPACK makes such a PAD part of the one convolution that reads it, so none is shared.
    """
    if pads == ((0, 0), (0, 0)):
        return x
    paddings = b.ints(f"{node.name}/paddings", [(0, 0), *pads, (0, 0)])
    return b.step(
        node, "pad", "PAD", [x, paddings], _bordered(x, pads), options=schema.PadOptionsT()
    )


def padded_rows(
    node: ir.Node, b: Builder, x: Tensor, pads: tuple[Pair, Pair], fill: float = 0.0
) -> Tensor:
    """An NHWC tensor with a border, for operators that XNNPACK does not pad itself.

    (N, H, W, C) -> RESHAPE (N, H, W * C) -> PAD -> RESHAPE (N, H', W', C)

    XNNPACK copies pixel by pixel where it pads four axes, and row by row here; a RESHAPE costs it
    nothing. A border of zeros around 112 x 112 x 24 takes 65 us instead of 150, in int8 15 instead
    of 125. Two readers that need the same border share it.

    PAD fills with zero (int8: with the zero point). PADV2 takes the value, which for int8 must be
    on the tensor's own scale: -inf becomes the lowest number the type holds.
    """
    if pads == ((0, 0), (0, 0)):
        return x
    return b.shared((x, "pad", pads, fill), lambda: _padded_rows(node, b, x, pads, fill))


def _padded_rows(
    node: ir.Node, b: Builder, x: Tensor, pads: tuple[Pair, Pair], fill: float
) -> Tensor:
    n, height, width, channels = x.shape
    after = _bordered(x, pads)
    left, right = pads[1]
    rows = b.reshaped(node, "rows", x, (n, height, width * channels))
    paddings = b.ints(
        f"{node.name}/paddings", [(0, 0), pads[0], (left * channels, right * channels)]
    )
    shape = (n, after[1], after[2] * channels)
    if fill == 0.0:
        rows = b.step(
            node, "padded_rows", "PAD", [rows, paddings], shape, options=schema.PadOptionsT()
        )
    else:
        value = b.scalar(f"{node.name}/fill", fill, x)
        inputs = [rows, paddings, value]
        rows = b.step(node, "padded_rows", "PADV2", inputs, shape, options=schema.PadV2OptionsT())
    return b.reshaped(node, "pad", rows, after)


def _bordered(x: Tensor, pads: tuple[Pair, Pair]) -> Shape:
    """The tensor's shape with the border."""
    n, height, width, channels = x.shape
    return n, height + sum(pads[0]), width + sum(pads[1]), channels
