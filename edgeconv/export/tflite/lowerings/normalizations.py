"""Normalizations that depend on the input, so that no weights can absorb them; float only."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import NHWC, Layout, Shape, Step
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import VALID, schema
from edgeconv.graph.view import constant_of, input_of, integer, number, shape_of

Array = NDArray[Any]


def layer_normalization(node: ir.Node, b: Builder) -> None:
    """LayerNormalization: over the last axes, then a factor and an offset for each of their places.

    No matter where the file has those axes, nothing is transposed.
    """
    rank = _rank(node)
    first = integer(node, "axis", -1) % rank
    if any(value.name and tuple(value.uses()) for value in node.outputs[1:]):
        raise CannotLower(
            "gives its mean or deviation too; only the normalized tensor is supported"
        )
    _normalize(node, b, range(first, rank), affine=range(first, rank))


def instance_normalization(node: ir.Node, b: Builder) -> None:
    """InstanceNormalization: each channel of each image, then a factor and an offset a channel."""
    _normalize(node, b, range(2, _rank(node)), affine=range(1, 2))


def local_response_normalization(node: ir.Node, b: Builder) -> None:
    """LRN: x / (bias + alpha / size * sum of squares of `size` neighbouring channels) ^ beta.

    `size` is odd: frameworks differ in the side on which an even window is longer. CONV_2D of the
    squares with a band of weights, then a power and a product; the power of 3/4 by RSQRT and SQRT.
    LOCAL_RESPONSE_NORMALIZATION is no use: LiteRT's reference kernel of it leaves the last
    neighbour out, its fast kernel does not.
    """
    alpha, beta = number(node, "alpha", 1e-4), number(node, "beta", 0.75)
    size, bias = integer(node, "size", 1), number(node, "bias", 1.0)
    if size % 2 == 0:
        raise CannotLower("normalizes over an even number of channels; an odd one is supported")
    x = b.read(node, 0, NHWC)
    channels = x.shape[3]
    distance = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    band = np.abs(distance) <= size // 2
    squares = b.step(node, "squares", "MUL", [x, x], x.shape, options=schema.MulOptionsT())
    weight = b.floats(f"{node.name}/band", (alpha / size * band)[:, None, None, :])
    offset = b.floats(f"{node.name}/bias", np.full(channels, bias))
    options = schema.Conv2DOptionsT(
        strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1, padding=VALID
    )
    around = b.step(node, "sum", "CONV_2D", [squares, weight, offset], x.shape, options=options)
    b.write(node, "MUL", [x, _power(node, b, around, -beta)], NHWC, schema.MulOptionsT())


def _power(node: ir.Node, b: Builder, x: Tensor, exponent: float) -> Tensor:
    """x to the power, by operators that XNNPACK runs where there are any."""
    if exponent not in (-0.5, -0.75):
        scalar = b.floats(f"{node.name}/exponent", np.array([exponent]))
        return b.step(node, "power", "POW", [x, scalar], x.shape, options=schema.PowOptionsT())
    half = b.step(node, "root", "RSQRT", [x], x.shape)
    if exponent == -0.5:
        return half
    quarter = b.step(node, "quarter", "SQRT", [half], x.shape)
    factors = [half, quarter]
    return b.step(node, "power", "MUL", factors, x.shape, options=schema.MulOptionsT())


@dataclass(frozen=True)
class _Merged:
    """File axes in groups that are computed as one: the kernels broadcast along four at most.

    Attributes:
        groups: neighbouring axes, in order.
        normalized: the groups that are normalized.
    """

    groups: tuple[tuple[int, ...], ...]
    normalized: tuple[int, ...]

    @classmethod
    def of(cls, kinds: Sequence[bool], sizes: Shape) -> _Merged:
        """Of more than four axes, those of size one join a neighbour; if that is not enough,
        neighbours of one kind (normalized or not) come together. Sums are the more exact for each
        axis that stays (`export.tflite.long_sums`).
        """
        groups: list[tuple[int, ...]] = [(axis,) for axis in range(len(kinds))]

        def kind(group: tuple[int, ...]) -> bool:
            return kinds[max(group, key=lambda axis: sizes[axis])]

        def is_one(group: tuple[int, ...]) -> bool:
            return math.prod(sizes[axis] for axis in group) == 1

        for are_merged in (
            lambda a, b: is_one(a) or is_one(b),
            lambda a, b: kind(a) == kind(b),
        ):
            if len(groups) > 4:
                groups = _joined(groups, are_merged)
        return cls(tuple(groups), tuple(i for i, group in enumerate(groups) if kind(group)))

    def shape(self, shape: Shape) -> Shape:
        """The shape of a tensor whose groups are merged."""
        return tuple(math.prod(shape[axis] for axis in group) for group in self.groups)

    def operand(self, array: Array, shape: Shape) -> Array:
        """A constant that broadcasts to a shape, made to broadcast to the merged one."""
        full = list(array.shape)
        for group in self.groups:
            if any(array.shape[axis] != 1 for axis in group):
                full[group[0] : group[-1] + 1] = shape[group[0] : group[-1] + 1]
        return np.broadcast_to(array, full).reshape(self.shape(tuple(full)))


def _joined(
    groups: Sequence[tuple[int, ...]],
    are_merged: Callable[[tuple[int, ...], tuple[int, ...]], bool],
) -> list[tuple[int, ...]]:
    found = list(groups[:1])
    for group in groups[1:]:
        if are_merged(found[-1], group):
            found[-1] += group
        else:
            found.append(group)
    return found


def _normalize(node: ir.Node, b: Builder, axes: Collection[int], affine: range) -> None:
    """(x - mean) / sqrt(variance + epsilon), then the node's factor and offset.

    Args:
        node: the node; its inputs 1 and 2 are the factor and the offset.
        b: where to write.
        axes: the hub axes that mean and variance are over.
        affine: the hub axes along which factor and offset differ.
    """
    layout = Layout(b.layout(node).order)
    x = b.read(node, 0, layout)
    merged = _Merged.of([axis in axes for axis in layout.order], x.shape)
    shape = merged.shape(x.shape)
    flat = x if shape == x.shape else b.reshaped(node, "merged", x, shape)
    result, inverse = _centred(node, b, flat, merged.normalized)
    chain = [("MUL", schema.MulOptionsT(), inverse)]
    for code, options, array in _affine(node, affine):
        spread = merged.operand(layout.to_file(array), x.shape)
        chain.append((code, options, b.floats(f"{node.name}/{code.lower()}", spread)))
    *steps, (code, options, operand) = chain
    for each, its_options, other in steps:
        result = b.step(node, "normal", each, [result, other], shape, options=its_options)
    if shape == x.shape:
        b.write(node, code, [result, operand], layout, options)
    else:
        result = b.step(node, "normal", code, [result, operand], shape, options=options)
        b.write_moved(node, result, [Step(x.shape)], layout)


def _centred(node: ir.Node, b: Builder, x: Tensor, axes: Collection[int]) -> tuple[Tensor, Tensor]:
    """x less its mean, and one over its deviation."""
    left = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    over, keep = b.ints(f"{node.name}/axes", list(axes)), schema.ReducerOptionsT(keepDims=True)
    mean = b.step(node, "mean", "MEAN", [x, over], left, options=keep)
    centred = b.step(node, "centred", "SUB", [x, mean], x.shape, options=schema.SubOptionsT())
    product = schema.MulOptionsT()
    squares = b.step(node, "squares", "MUL", [centred, centred], x.shape, options=product)
    variance = b.step(node, "variance", "MEAN", [squares, over], left, options=keep)
    epsilon = b.floats(f"{node.name}/epsilon", np.array([number(node, "epsilon", 1e-5)]))
    safe = b.step(node, "safe", "ADD", [variance, epsilon], left, options=schema.AddOptionsT())
    return centred, b.step(node, "inverse", "RSQRT", [safe], left)


def _affine(node: ir.Node, axes: range) -> Iterator[tuple[str, Any, Array]]:
    """The operators of factor and offset, with constants of the input's rank in hub order.

    One that changes nothing is left out.
    """
    rank = _rank(node)
    for index, code, make_options, idle in (
        (1, "MUL", schema.MulOptionsT, 1.0),
        (2, "ADD", schema.AddOptionsT, 0.0),
    ):
        value = node.inputs[index] if len(node.inputs) > index else None
        array = constant_of(value)
        if value is not None and array is None:
            raise CannotLower("has factors that are computed at run time")
        if array is not None and (array != idle).any():
            before, after = axes.start, rank - axes.stop
            yield code, make_options(), array.reshape((1,) * before + array.shape + (1,) * after)


def _rank(node: ir.Node) -> int:
    return len(shape_of(input_of(node)))


LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        "InstanceNormalization": instance_normalization,
        "LayerNormalization": layer_normalization,
        "LRN": local_response_normalization,
    }
)
