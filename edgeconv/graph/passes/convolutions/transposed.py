"""Makes ordinary convolutions of transposed ones that phones have no operator for.

TFLite's TRANSPOSE_CONV has no groups and no dilation, and gives nothing past its last filter. The
output of any transposed convolution of stride s falls into s x s phases, pixels whose places leave
one remainder. Along an axis, value i spreads filter tap t to place q = s * i + d * t, so that with
q = s * m + phase

    y[phase][m] = sum over the taps with d * t = s * e + phase of w[t] * x[m - e]

is a convolution over the small image. All phases are channels of one Conv, and a shuffle lays them
side by side:

    ConvTranspose   ->   Conv (C * s * s channels) -> Reshape -> Transpose -> Reshape -> Slice

Source: Shi et al., https://arxiv.org/abs/1609.07009, for whole images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape, replace_node
from edgeconv.graph.view import constant_of, input_of, integer, ints, shape_of


@dataclass(frozen=True)
class _Axis:
    """A transposed convolution along one axis; `before` and `output` are of what is kept of it."""

    size: int
    output: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def shifts(self) -> list[int]:
        """By tap, e: how many pixels before m it reads."""
        return [self.dilation * tap // self.stride for tap in range(self.kernel)]

    @property
    def phases(self) -> list[int]:
        """By tap, the phase it adds to."""
        return [self.dilation * tap % self.stride for tap in range(self.kernel)]

    @property
    def step(self) -> int:
        """Distance between the taps of the convolution."""
        return math.gcd(*self.shifts) or 1

    @property
    def taps(self) -> int:
        """Length of the convolution's kernel."""
        return self.shifts[-1] // self.step + 1

    @property
    def pads(self) -> tuple[int, int]:
        """Zeros before and after the image with which every m that is kept is computed."""
        last = (self.before + self.output - 1) // self.stride
        return max(self.shifts[-1] - self.before // self.stride, 0), max(last - self.size + 1, 0)

    @property
    def pixels(self) -> int:
        """How many m are computed."""
        return self.size + sum(self.pads) - self.shifts[-1]

    @property
    def start(self) -> int:
        """Where what is kept begins among what is computed."""
        return self.before - self.stride * (self.shifts[-1] - self.pads[0])


def convolve_transposed(model: ir.Model) -> None:
    """Rewrites each ConvTranspose of an image that has groups, dilation or an empty end."""
    for node in tuple(model.graph):
        if node.op_type != "ConvTranspose" or constant_of(node.inputs[1]) is None:
            continue
        if len(shape_of(input_of(node))) == 4 and "output_shape" not in node.attributes:
            axes = _axes(node)
            if integer(node, "group", 1) > 1 or any(map(_is_beyond_tflite, axes)):
                replace_node(model, node, *_spelled(model, node, axes))


def _axes(node: ir.Node) -> tuple[_Axis, _Axis]:
    sizes, outputs = shape_of(input_of(node)), shape_of(node.outputs[0])
    kernel = shape_of(input_of(node, 1))[2:]
    strides, dilations = ints(node, "strides", (1, 1)), ints(node, "dilations", (1, 1))
    pads = ints(node, "pads", (0, 0, 0, 0))
    rows, columns = (
        _Axis(sizes[2 + i], outputs[2 + i], kernel[i], strides[i], dilations[i], pads[i])
        for i in range(2)
    )
    return rows, columns


def _is_beyond_tflite(axis: _Axis) -> bool:
    whole = (axis.size - 1) * axis.stride + axis.kernel
    return (axis.dilation > 1 and axis.kernel > 1) or axis.before + axis.output > whole


def _spelled(model: ir.Model, node: ir.Node, axes: tuple[_Axis, _Axis]) -> list[ir.Node]:
    stem = (node.name or "").rpartition("/")[0]
    batch, channels = shape_of(node.outputs[0])[:2]
    rows, columns = (axis.pixels for axis in axes)
    strides = [axis.stride for axis in axes]
    nodes = [_convolution(model, node, axes, stem)]
    if math.prod(strides) > 1:
        apart = (batch, channels, *strides, rows, columns)
        split = make_reshape(model, nodes[-1].outputs[0], name=f"{stem}/Reshape", shape=apart)
        perm = (0, 1, 4, 2, 5, 3)
        swap = make_node(
            "Transpose",
            [split.outputs[0]],
            name=f"{stem}/Transpose",
            shape=tuple(apart[axis] for axis in perm),
            attributes={"perm": perm},
        )
        whole = (batch, channels, rows * strides[0], columns * strides[1])
        joined = make_reshape(model, swap.outputs[0], name=f"{stem}/Reshape_1", shape=whole)
        nodes += [split, swap, joined]
    return [*nodes, *_crop(model, nodes[-1].outputs[0], node, axes, stem)]


def _convolution(model: ir.Model, node: ir.Node, axes: tuple[_Axis, _Axis], stem: str) -> ir.Node:
    groups, weight = integer(node, "group", 1), constant_of(node.inputs[1])
    assert weight is not None
    filters = _filters(weight, groups, axes)
    inputs = [input_of(node), add_constant(model, f"{node.name}::weight", filters)]
    bias = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if bias is not None:
        repeated = np.repeat(bias, math.prod(axis.stride for axis in axes))
        inputs.append(add_constant(model, f"{node.name}::bias", repeated))
    befores, afters = zip(*(axis.pads for axis in axes), strict=True)
    shape = (shape_of(node.outputs[0])[0], len(filters), *(axis.pixels for axis in axes))
    attributes = {
        "group": groups,
        "kernel_shape": [axis.taps for axis in axes],
        "strides": [1, 1],
        "pads": [*befores, *afters],
        "dilations": [axis.step for axis in axes],
    }
    return make_node("Conv", inputs, name=f"{stem}/Conv", shape=shape, attributes=attributes)


def _filters(
    weight: NDArray[np.float32], groups: int, axes: Sequence[_Axis]
) -> NDArray[np.float32]:
    """Weights of the Conv, (outputs * phases, inputs of a group, taps, taps)."""
    inputs, outputs = weight.shape[0] // groups, weight.shape[1]
    rows, columns = axes
    found = np.zeros(
        (groups, outputs, rows.stride, columns.stride, inputs, rows.taps, columns.taps),
        weight.dtype,
    )
    given = weight.reshape(groups, inputs, *weight.shape[1:]).swapaxes(1, 2)
    for i, j in np.ndindex(*weight.shape[2:]):
        tap = [a.taps - 1 - a.shifts[t] // a.step for a, t in zip(axes, (i, j), strict=True)]
        found[:, :, rows.phases[i], columns.phases[j], :, tap[0], tap[1]] = given[..., i, j]
    return found.reshape(-1, inputs, rows.taps, columns.taps)


def _crop(
    model: ir.Model, source: ir.Value, node: ir.Node, axes: Sequence[_Axis], stem: str
) -> list[ir.Node]:
    """A Slice of what the transposed convolution keeps, where that is not all."""
    shape = shape_of(node.outputs[0])
    if shape_of(source) == shape:
        return []
    starts = [axis.start for axis in axes]
    ends = [axis.start + axis.output for axis in axes]
    bounds = [
        add_constant(model, f"{node.name}::{role}", np.array(values, np.int64))
        for role, values in (("starts", starts), ("ends", ends), ("axes", [2, 3]))
    ]
    return [make_node("Slice", [source, *bounds], name=f"{stem}/Slice", shape=shape)]
