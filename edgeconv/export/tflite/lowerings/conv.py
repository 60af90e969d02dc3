"""Convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import NHWC, Layout, Shape
from edgeconv.export.tflite.schema import SAME, VALID, absorbed, schema
from edgeconv.export.tflite.windows import Window, Windows, padded, windows_of
from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import input_of, integer, ints, shape_of


def conv(node: ir.Node, b: Builder) -> None:
    """Conv -> CONV_2D, or DEPTHWISE_CONV_2D where every input channel is a group of its own.

    CONV_2D: weight OHWI, per-channel scales along axis 0; with fewer input channels in the weight
    than in the image the convolution is grouped (version 6). DEPTHWISE_CONV_2D: weight
    1 x H x W x (channels * multiplier), scales along axis 3. Both: bias int32 under int8; padding
    SAME or VALID, so any other padding becomes a PAD; activations fused. A kernel of one
    pixel reads rows and columns in any order.
    """
    weight_shape = _weight_shape(node)
    windows = windows_of(node, weight_shape[2:])
    common = {
        "strideH": windows.strides[0],
        "strideW": windows.strides[1],
        "dilationHFactor": windows.dilations[0],
        "dilationWFactor": windows.dilations[1],
        "fusedActivationFunction": absorbed(node),
        "padding": VALID if windows.padding is None else windows.padding,
    }
    layout = _layout(node, b, windows)
    x = b.read(node, 0, layout)
    channels = x.shape[3]
    if windows.padding is None:
        x = padded(node, b, x, windows.pads)
    if 1 < integer(node, "group", 1) == channels:
        weight = b.constant(node, 1, lambda w: w.transpose(1, 2, 3, 0), axis=3)
        multiplier = weight_shape[0] // channels
        options = schema.DepthwiseConv2DOptionsT(depthMultiplier=multiplier, **common)
        b.write(node, "DEPTHWISE_CONV_2D", [x, weight, b.bias(node)], layout, options)
    else:
        weight = b.constant(node, 1, lambda w: w.transpose(0, 2, 3, 1))
        options = schema.Conv2DOptionsT(**common)
        b.write(node, "CONV_2D", [x, weight, b.bias(node)], layout, options)


def _layout(node: ir.Node, b: Builder, windows: Windows) -> Layout:
    """NHWC; where each pixel is by itself, any order that ends with the channels."""
    present = Layout(b.layout(node).order)
    is_pointwise = windows.kernel == windows.strides == (1, 1) and windows.padding == VALID
    return present if is_pointwise and present.order[-1] == NHWC.order[-1] else NHWC


def conv_transpose(node: ir.Node, b: Builder) -> None:
    """ConvTranspose -> TRANSPOSE_CONV, cropped by a SLICE where its padding is not TensorFlow's.

    TRANSPOSE_CONV: weight OHWI (the hub has IOHW), per-channel scales along axis 0; the output's
    shape is an input; padding SAME or VALID as the forward convolution from output to input would
    have it; no groups, no dilation.
    """
    kernel = _weight_shape(node)[2:]
    if integer(node, "group", 1) != 1:
        raise CannotLower("is a grouped transposed convolution; TRANSPOSE_CONV has no groups")
    if any(d != 1 for d in ints(node, "dilations", (1, 1))):
        raise CannotLower("is a dilated transposed convolution; TRANSPOSE_CONV has no dilation")
    if "output_shape" in node.attributes:
        raise CannotLower("leaves its padding open; state its pads")
    rows, columns = _forward_windows(node, kernel)
    n, channels, out_height, out_width = shape_of(node.outputs[0])
    x = b.read(node, 0, NHWC)
    weight = b.constant(node, 1, lambda w: w.transpose(1, 2, 3, 0))
    options = schema.TransposeConvOptionsT(
        strideH=rows.stride, strideW=columns.stride, padding=SAME
    )
    if rows.is_same and columns.is_same:
        shape = b.ints(f"{node.name}/shape", (n, out_height, out_width, channels))
        b.write(node, "TRANSPOSE_CONV", [shape, weight, x, b.bias(node)], NHWC, options)
        return
    options.padding = VALID
    full = (n, _full_length(rows), _full_length(columns), channels)
    if rows.before + out_height > full[1] or columns.before + out_width > full[2]:
        raise CannotLower("has an output padding larger than its padding")
    shape = b.ints(f"{node.name}/shape", full)
    inputs = [shape, weight, x, b.bias(node)]
    scale = b.quantization(node)
    whole = b.step(
        node, "whole", "TRANSPOSE_CONV", inputs, full, options=options, like=x, quantization=scale
    )
    begin = b.ints(f"{node.name}/begin", (0, rows.before, columns.before, 0))
    size = b.ints(f"{node.name}/size", (n, out_height, out_width, channels))
    b.write(node, "SLICE", [whole, begin, size], NHWC, schema.SliceOptionsT())


def _weight_shape(node: ir.Node) -> Shape:
    weight = input_of(node, 1)
    if weight.const_value is None:
        raise CannotLower(f"has a weight that is computed at run time ({weight.name})")
    return shape_of(weight)


def _forward_windows(node: ir.Node, kernel: Shape) -> tuple[Window, Window]:
    """The windows of the forward convolution that takes the output's size to the input's."""
    value = input_of(node)
    small, large = shape_of(value), shape_of(written_output(node))
    if len(small) != 4:
        raise CannotLower(f"works along {len(small) - 2} spatial axes; 2 are supported")
    strides = ints(node, "strides", (1, 1))
    pads = ints(node, "pads", (0, 0, 0, 0))
    rows, columns = (
        Window(large[2 + i], small[2 + i], kernel[i], strides[i], 1, pads[i], pads[2 + i])
        for i in range(2)
    )
    return rows, columns


def _full_length(window: Window) -> int:
    """Length of an uncropped transposed convolution."""
    return (window.output - 1) * window.stride + window.kernel


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {"Conv": conv, "ConvTranspose": conv_transpose}
)
