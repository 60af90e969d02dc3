"""Pooling over windows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import NHWC
from edgeconv.export.tflite.program import Quantization, Tensor, constant
from edgeconv.export.tflite.schema import SAME, VALID, schema
from edgeconv.export.tflite.windows import Window, Windows, padded_rows, windows_of
from edgeconv.graph.signs import is_nonnegative
from edgeconv.graph.view import input_of, integer, ints

#: XNNPACK's int8 kernels of depthwise convolutions are fast up to as many taps.
_MOST_TAPS = 25


def max_pool(node: ir.Node, b: Builder) -> None:
    """MaxPool -> MAX_POOL_2D, after a PADV2 with the lowest value where its padding is not SAME.

    MAX_POOL_2D ignores what SAME pads; an explicit border takes part in the maximum, so it must
    lose against every value: zero does where no value is negative (a PAD, which XNNPACK runs too).
    int8: input and output on one scale. No indices. MAX_POOL_2D has no dilation: `_dilated`.
    """
    windows = windows_of(node, ints(node, "kernel_shape", ()))
    if len(node.outputs) > 1 and node.outputs[1].name and tuple(node.outputs[1].uses()):
        raise CannotLower("gives the indices of its maxima; MAX_POOL_2D has none")
    if windows.dilations != (1, 1):
        _dilated(node, b, windows)
        return
    x = b.read(node, 0, NHWC)
    if windows.padding is None:
        x = padded_rows(node, b, x, windows.pads, 0.0 if _zero_never_wins(node, x) else -math.inf)
    options = _options(windows, VALID if windows.padding is None else windows.padding)
    b.write_values(node, node.outputs[:1], "MAX_POOL_2D", [x], NHWC, options)


def _dilated(node: ir.Node, b: Builder, windows: Windows) -> None:
    """A dilated max-pool: along each axis, GATHER the windows side by side, then MAX_POOL_2D.

    A tap in the padding takes another of its window instead, which changes no maximum.
    """
    x = b.read(node, 0, NHWC)
    for axis, window in ((1, windows.rows), (2, windows.columns)):
        taps = b.ints(f"{node.name}/taps", _taps(window).reshape(-1))
        shape = (*x.shape[:axis], taps.shape[0], *x.shape[axis + 1 :])
        options = schema.GatherOptionsT(axis=axis)
        x = b.step(node, "windows", "GATHER", [x, taps], shape, options=options)
        kernel = (window.kernel, 1) if axis == 1 else (1, window.kernel)
        options = _pool_options(kernel, kernel, VALID)
        if axis == 1:
            shape = (shape[0], window.output, *shape[2:])
            x = b.step(node, "rows", "MAX_POOL_2D", [x], shape, options=options)
        else:
            b.write_values(node, node.outputs[:1], "MAX_POOL_2D", [x], NHWC, options)


def _taps(window: Window) -> NDArray[np.int64]:
    """(output, kernel): the place that each tap of each window reads, inside of the image."""
    starts = np.arange(window.output) * window.stride - window.before
    places = starts[:, None] + np.arange(window.kernel) * window.dilation
    inside = (places >= 0) & (places < window.size)
    if not inside.any(1).all():
        raise CannotLower("has a window that lies in its padding alone; pad less")
    first = np.take_along_axis(places, inside.argmax(1)[:, None], 1)
    return np.where(inside, places, first)


def average_pool(node: ir.Node, b: Builder) -> None:
    """AveragePool -> AVERAGE_POOL_2D, after a PAD and corrected by a MUL where it must be.

    AVERAGE_POOL_2D divides by the number of elements inside the image, as ONNX does unless
    `count_include_pad`. So SAME and VALID map as they are; padding that counts becomes a PAD; any
    other becomes a PAD and a MUL by (kernel size / elements counted) at each position, whose int8
    constants are exact. int8: input and output on one scale; a small VALID pool is a
    DEPTHWISE_CONV_2D, which XNNPACK runs, unlike an int8 AVERAGE_POOL_2D.
    """
    windows = windows_of(node, ints(node, "kernel_shape", ()))
    if windows.dilations != (1, 1):
        raise CannotLower("is a dilated average-pool; AVERAGE_POOL_2D has no dilation")
    x = b.read(node, 0, NHWC)
    includes_padding = integer(node, "count_include_pad", 0) == 1
    counts = np.outer(
        _counted(windows.rows, includes_padding), _counted(windows.columns, includes_padding)
    )
    if windows.padding == SAME and not includes_padding:
        b.write(node, "AVERAGE_POOL_2D", [x], NHWC, _options(windows, SAME))
        return
    if windows.padding != VALID:
        x = padded_rows(node, b, x, windows.pads)
    area = math.prod(windows.kernel)
    code, inputs, options = _valid_average(node, b, x, windows)
    if (counts == area).all():
        b.write(node, code, inputs, NHWC, options)
        return
    rows, columns = counts.shape
    shape = (x.shape[0], rows, columns, x.shape[3])
    average = b.step(node, "average", code, inputs, shape, options=options)
    correction = _correction(b, f"{node.name}/correction", area, counts, average)
    b.write(node, "MUL", [average, correction], NHWC, schema.MulOptionsT())


def _valid_average(
    node: ir.Node, b: Builder, x: Tensor, windows: Windows
) -> tuple[str, list[Tensor], Any]:
    """The operator that averages windows inside an image, its inputs and options.

    int8: the weights are ones on a scale of one over their number, so that the products are exact.
    """
    area, channels = math.prod(windows.kernel), x.shape[3]
    if not x.is_int8 or area > _MOST_TAPS:
        return "AVERAGE_POOL_2D", [x], _options(windows, VALID)
    scales, zeros = np.full(channels, 1 / area, np.float32), np.zeros(channels, np.int64)
    ones = np.ones((1, *windows.kernel, channels), np.int8)
    weight = constant(b.unique(f"{node.name}/ones"), ones, Quantization(scales, zeros, axis=3))
    products = Quantization(np.float32(x.scale) * scales, zeros, dtype=np.dtype(np.int32))
    bias = constant(b.unique(f"{node.name}/zeros"), np.zeros(channels, np.int32), products)
    options = schema.DepthwiseConv2DOptionsT(
        padding=VALID,
        strideH=windows.strides[0],
        strideW=windows.strides[1],
        depthMultiplier=1,
        dilationHFactor=1,
        dilationWFactor=1,
    )
    return "DEPTHWISE_CONV_2D", [x, weight, bias], options


def _options(windows: Windows, padding: int) -> Any:
    return _pool_options(windows.kernel, windows.strides, padding)


def _pool_options(kernel: tuple[int, int], strides: tuple[int, int], padding: int) -> Any:
    return schema.Pool2DOptionsT(
        filterHeight=kernel[0],
        filterWidth=kernel[1],
        strideH=strides[0],
        strideW=strides[1],
        padding=padding,
    )


def _zero_never_wins(node: ir.Node, x: Tensor) -> bool:
    """Whether a border of zeros cannot change a maximum."""
    value = input_of(node)
    return is_nonnegative(value) or (x.is_quantized and x.zero_point == np.iinfo(x.dtype).min)


def _counted(window: Window, includes_padding: bool) -> NDArray[np.int64]:
    """How many elements each position's average is over; what ceil mode adds never counts."""
    starts = np.arange(window.output) * window.stride - window.before
    low, high = 0, window.size
    if includes_padding:
        low, high = -window.before, window.size + window.after
    return np.minimum(starts + window.kernel, high) - np.maximum(starts, low)


def _correction(
    b: Builder, name: str, area: int, counts: NDArray[np.int64], like: Tensor
) -> Tensor:
    """area / counts for each position, shape (1, rows, columns, 1).

    On integers a scale of area / (least common multiple of the counts) makes every factor one;
    where that needs more than the type's largest, factors are rounded to that many steps.
    """
    factors = (area / counts)[None, :, :, None]
    if not like.is_quantized:
        return b.floats(name, factors)
    common = math.lcm(*np.unique(counts).tolist())
    largest, most = common // int(counts.min()), np.iinfo(like.dtype).max
    scale = area / common if largest <= most else float(factors.max()) / most
    integers = np.round(factors / scale).astype(like.dtype)
    return constant(b.unique(name), integers, Quantization.per_tensor(scale, 0, like.dtype))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {"MaxPool": max_pool, "AveragePool": average_pool}
)
