"""Computes convolutions and pools along three axes by those of images: phones have no others.

A convolution goes over the images along one of its axes, that of the shortest kernel. What a window
reads along that axis lies beside each other as channels, so one convolution sums all of it:

x (N, C, D, H, W) -> Conv (O, C, 2, 3, 3)   becomes
    Transpose (N, D, C, H, W) -> Slices 0 to D - 1 and 1 to D -> Concat (N, D - 1, 2 C, H, W)
    -> Reshape (N (D - 1), 2 C, H, W) -> Conv (O, 2 C, 3, 3) -> Reshape -> Transpose

A pool is two that move nothing, of rows and columns and of the third axis, and one over all is one:

x (N, C, D, H, W) -> MaxPool (2, 3, 3)      becomes
    Reshape (N, C D, H, W) -> MaxPool (3, 3) -> Reshape (N, C, D, H W) -> MaxPool (2, 1) -> Reshape
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant, make_node, make_reshape, replace_node
from edgeconv.graph.view import constant_of, input_of, integer, ints, require_constant, shape_of

_AXES = 3
#: What a convolution or a pool says for each of its axes, and what it says where it is silent.
_EACH: Mapping[str, int] = MappingProxyType({"kernel_shape": 1, "strides": 1, "dilations": 1})


def flatten_deep_windows(model: ir.Model) -> None:
    """Rewrites each convolution by constant weights, and each pool, of an (N, C, D, H, W) input."""
    for node in tuple(model.graph):
        source = node.inputs[0] if node.inputs else None
        if source is None or source.shape is None or len(shape_of(source)) != _AXES + 2:
            continue
        if node.op_type == "Conv" and constant_of(node.inputs[1]) is not None:
            replace_node(model, node, *_Convolution.of(model, node).nodes())
        elif operator_of(node).kind == "pool" and len(node.outputs) == 1:
            has_window = operator_of(node).window is not None
            pooled = _pooled if has_window else _pooled_over_all
            replace_node(model, node, *pooled(model, node))


@dataclass(frozen=True)
class _Convolution:
    """One convolution and the axis, 0 to 2, that it is unrolled along."""

    model: ir.Model
    node: ir.Node
    axis: int

    @staticmethod
    def of(model: ir.Model, node: ir.Node) -> _Convolution:
        kernel = shape_of(input_of(node, 1))[2:]
        return _Convolution(model, node, min(range(_AXES), key=lambda axis: kernel[axis]))

    def nodes(self) -> list[ir.Node]:
        """What stands in its place."""
        made = [self._images(input_of(self.node))]
        made += self._padded(made[-1].outputs[0])
        made += self._beside(made[-1].outputs[0])
        batch, places, *image = shape_of(made[-1].outputs[0])  # its channels maybe in groups
        flat = (batch * places, prod(image[:-2]), *image[-2:])
        made.append(make_reshape(self.model, made[-1].outputs[0], name=self._name(), shape=flat))
        made.append(self._convolved(made[-1].outputs[0]))
        _, channels, *rest = shape_of(made[-1].outputs[0])
        apart = (batch, places, channels, *rest)
        made.append(make_reshape(self.model, made[-1].outputs[0], name=self._name(), shape=apart))
        back = [0, 2, 3, 4]
        back.insert(2 + self.axis, 1)
        made.append(self._make("Transpose", made[-1].outputs[0], _permuted(apart, back), perm=back))
        return made

    def _name(self) -> str:
        return f"{self.node.name}/Reshape"

    def _make(
        self, op_type: str, source: ir.Value, shape: Sequence[int], *more: ir.Value, **said: object
    ) -> ir.Node:
        name = f"{self.node.name}/{op_type}"
        return make_node(op_type, [source, *more], name=name, shape=shape, attributes=said)

    def _images(self, source: ir.Value) -> ir.Node:
        """The axis right behind the batch."""
        order = [0, 2 + self.axis, 1, *(2 + axis for axis in _others(self.axis))]
        return self._make("Transpose", source, _permuted(shape_of(source), order), perm=order)

    def _padded(self, source: ir.Value) -> list[ir.Node]:
        pads = ints(self.node, "pads", (0,) * 2 * _AXES)
        before, after = pads[self.axis], pads[self.axis + _AXES]
        if not before and not after:
            return []
        batch, places, *image = shape_of(source)
        widths = np.array([0, before, 0, 0, 0, 0, after, 0, 0, 0], np.int64)
        given = add_constant(self.model, f"{self.node.name}::pads", widths)
        return [self._make("Pad", source, (batch, before + places + after, *image), given)]

    def _beside(self, source: ir.Value) -> list[ir.Node]:
        """(N, places, groups, channels, ...): of each group, what a window reads on the axis."""
        kernel = shape_of(input_of(self.node, 1))[2 + self.axis]
        stride, dilation = (_setting(self.node, n)[self.axis] for n in ("strides", "dilations"))
        batch, _, channels, *image = shape_of(source)
        places = shape_of(self.node.outputs[0])[2 + self.axis]
        if kernel == stride == 1:
            return []
        groups = integer(self.node, "group", 1)
        apart, made = (batch, places, groups, channels // groups, *image), []
        for begin in range(0, kernel * dilation, dilation):
            bounds = ([begin], [begin + (places - 1) * stride + 1], [1], [stride])
            given = [
                add_constant(self.model, f"{self.node.name}::{part}", np.array(bound, np.int64))
                for part, bound in zip(("starts", "ends", "axes", "steps"), bounds, strict=True)
            ]
            cut = self._make("Slice", source, (batch, places, channels, *image), *given)
            name = self._name()
            made += [cut, make_reshape(self.model, cut.outputs[0], name=name, shape=apart)]
        if kernel > 1:
            parts = [each.outputs[0] for each in made[1::2]]
            whole = (*apart[:3], kernel * apart[3], *image)
            made.append(self._make("Concat", parts[0], whole, *parts[1:], axis=3))
        return made

    def _convolved(self, source: ir.Value) -> ir.Node:
        weight, others = require_constant(self.node, 1), _others(self.axis)
        first = np.moveaxis(weight, 2 + self.axis, 1)  # (outputs, kernel, channels, ...)
        plane = first.reshape(len(weight), -1, *first.shape[3:])
        flat = add_constant(self.model, f"{self.node.name}::weight", plane)
        said = _reduced(self.node, others) | {"kernel_shape": list(plane.shape[2:])}
        group = integer(self.node, "group", 1)
        outputs = shape_of(self.node.outputs[0])
        shape = (shape_of(source)[0], len(weight), *(outputs[2 + axis] for axis in others))
        biases = [value for value in self.node.inputs[2:] if value is not None]
        return self._make("Conv", source, shape, flat, *biases, **said, group=group)


def _pooled(model: ir.Model, node: ir.Node) -> list[ir.Node]:
    source, name = input_of(node), f"{node.name}/Reshape"
    batch, channels, depth, *image = shape_of(source)
    *_, less, rows, columns = wanted = shape_of(node.outputs[0])
    flat = make_reshape(model, source, name=name, shape=(batch, channels * depth, *image))
    shape: tuple[int, ...] = (batch, channels * depth, rows, columns)
    inner = _pool(node, flat, shape, _reduced(node, (1, 2)))
    shape = (batch, channels, depth, rows * columns)
    turned = make_reshape(model, inner.outputs[0], name=name, shape=shape)
    said = {key: _with_idle(key, value) for key, value in _reduced(node, (0,)).items()}
    outer = _pool(node, turned, (batch, channels, less, rows * columns), said)
    back = make_reshape(model, outer.outputs[0], name=name, shape=wanted)
    return [flat, inner, turned, outer, back]


def _pooled_over_all(model: ir.Model, node: ir.Node) -> list[ir.Node]:
    name, wanted = f"{node.name}/Reshape", shape_of(node.outputs[0])
    batch, channels, depth, height, width = shape_of(input_of(node))
    shape = (batch, channels, depth * height, width)
    flat = make_reshape(model, input_of(node), name=name, shape=shape)
    pool = _pool(node, flat, (batch, channels, 1, 1), {})
    return [flat, pool, make_reshape(model, pool.outputs[0], name=name, shape=wanted)]


def _pool(
    node: ir.Node, before: ir.Node, shape: Sequence[int], said: Mapping[str, list[int]]
) -> ir.Node:
    """The node over another tensor, with what it says of windows replaced."""
    kept = {key: value for key, value in node.attributes.items() if key not in (*_EACH, "pads")}
    name = f"{node.name}/pool"
    return make_node(
        node.op_type, [before.outputs[0]], name=name, shape=shape, attributes={**kept, **said}
    )


def _reduced(node: ir.Node, axes: Sequence[int]) -> dict[str, list[int]]:
    """What a node says of some of its axes."""
    said = {
        key: [_setting(node, key)[axis] for axis in axes] for key in _EACH if key in node.attributes
    }
    pads = ints(node, "pads", (0,) * 2 * _AXES)
    said["pads"] = [pads[axis + end] for end in (0, _AXES) for axis in axes]
    return said


def _with_idle(key: str, values: list[int]) -> list[int]:
    """The same with a second axis along which nothing is pooled."""
    if key == "pads":
        return [values[0], 0, values[1], 0]
    return [*values, _EACH[key]]


def _setting(node: ir.Node, key: str) -> tuple[int, ...]:
    return ints(node, key, (_EACH[key],) * _AXES)


def _others(axis: int) -> list[int]:
    return [other for other in range(_AXES) if other != axis]


def _permuted(shape: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in order)
