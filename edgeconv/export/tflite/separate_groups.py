"""Grouped 1 x 1 convolutions become convolutions of their own, on tensors of their own.

    x (N, H, W, C) -> CONV_2D in G groups -> ADD      becomes      G times  x_j -> CONV_2D -> ADD

XNNPACK runs a grouped convolution by its indirect kernel, in tiles of 32 output channels: 40
channels a group cost as much as 64. A dense 1 x 1 convolution is a plain matrix product, in tiles
of 16 where those waste less. So the groups are kept apart from one grouped convolution to the
next: sums and depthwise convolutions work on each part, a concatenation only lists them. Whatever
else reads such a tensor has it joined, under its own name; the parts are called NAME/group0 and so
on.

Not for int8. ShuffleNet's float units with three groups take 0.90, 0.85 and 0.89 of the time at
28 x 28, 14 x 14 and 7 x 7; int8 units, whose tiles have 16 channels either way, take 1.0 to 1.07.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeconv.export.tflite.program import Operator, Program, Tensor, channels, constant, rows
from edgeconv.export.tflite.schema import schema

#: XNNPACK splits a tensor into up to this many.
_MOST_GROUPS = 4

#: XNNPACK joins up to this many tensors.
_MOST_PARTS = 5

_CHANNELS = 3


def separate_groups(program: Program) -> Program:
    """The program with the groups of its pointwise convolutions apart."""
    if not any(_is_grouped(operator) for operator in program.operators):
        return program
    apart = _Apart()
    for operator in program.operators:
        apart.take(operator)
    for _, tensor in program.outputs:
        apart.whole(tensor)
    return replace(program, operators=tuple(apart.operators))


class _Apart:
    """The program so far.

    Attributes:
        operators: written, in order.
    """

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self._parts: dict[int, tuple[Tensor, ...]] = {}
        self._only_parts: set[int] = set()

    def take(self, operator: Operator) -> None:
        """Writes an operator: on parts where it can be, else on whole tensors."""
        if _is_grouped(operator):
            self._convolve(operator)
        elif not any(id(tensor) in self._parts for tensor in operator.inputs):
            self.operators.append(operator)
        elif operator.code == "ADD" and (shared := self._shared_parts(operator)):
            self._on_parts(operator, shared)
        elif operator.code == "CONCATENATION" and operator.options.axis == _CHANNELS:
            parts = [self._parts.get(id(x), (x,)) for x in operator.inputs if x is not None]
            self._give(operator.outputs[0], list(itertools.chain(*parts)))
        elif operator.code == "DEPTHWISE_CONV_2D" and operator.options.depthMultiplier == 1:
            self._convolve_by_channel(operator)
        else:
            self.operators.append(operator)
            for tensor in operator.inputs:
                self.whole(tensor, before=1)

    def whole(self, tensor: Tensor | None, before: int = 0) -> None:
        """Joins a tensor's parts where it is there in parts only, so many operators earlier."""
        if tensor is None or id(tensor) not in self._only_parts:
            return
        self._only_parts.remove(id(tensor))
        place = len(self.operators) - before
        later, self.operators[place:] = self.operators[place:], []
        self._join(self._parts[id(tensor)], tensor)
        self.operators += later

    def _convolve(self, conv: Operator) -> None:
        x, weight, bias = conv.read(0), conv.read(1), conv.inputs[2:]
        groups = _groups_of(conv)
        outputs = []
        for j, part in enumerate(self._grouped(x, groups)):
            width = weight.shape[0] // groups
            constants = [
                None if each is None else rows(each, j * width, (j + 1) * width)
                for each in (weight, *bias)
            ]
            outputs.append(_part(conv.outputs[0], j, width))
            self._write(replace(conv, inputs=(part, *constants), outputs=(outputs[-1],)))
        self._give(conv.outputs[0], outputs)

    def _convolve_by_channel(self, conv: Operator) -> None:
        x, weight, bias = conv.read(0), conv.read(1), conv.inputs[2:]
        outputs, start = [], 0
        for j, part in enumerate(self._parts[id(x)]):
            stop = start + part.shape[_CHANNELS]
            constants = [
                None if each is None else channels(each, -1, slice(start, stop), _named(each, j))
                for each in (weight, *bias)
            ]
            outputs.append(_part(conv.outputs[0], j, stop - start))
            self._write(replace(conv, inputs=(part, *constants), outputs=(outputs[-1],)))
            start = stop
        self._give(conv.outputs[0], outputs)

    def _shared_parts(self, operator: Operator) -> list[tuple[Tensor, ...]]:
        """Equal parts of both operands of a sum; none where they have no such parts."""
        tensors = [tensor for tensor in operator.inputs if tensor is not None]
        counts = {len(self._parts.get(id(tensor), ())) for tensor in tensors} - {0}
        if len({tensor.shape for tensor in tensors}) > 1 or len(counts) > 1:
            return []
        (count,) = counts
        if count > _MOST_GROUPS or tensors[0].shape[_CHANNELS] % count:
            return []
        return [self._grouped(tensor, count) for tensor in tensors]

    def _on_parts(self, operator: Operator, operands: Sequence[tuple[Tensor, ...]]) -> None:
        outputs = []
        for j, inputs in enumerate(zip(*operands, strict=True)):
            outputs.append(_part(operator.outputs[0], j, inputs[0].shape[_CHANNELS]))
            self._write(replace(operator, inputs=inputs, outputs=(outputs[-1],)))
        self._give(operator.outputs[0], outputs)

    def _grouped(self, x: Tensor, groups: int) -> tuple[Tensor, ...]:
        """A tensor in so many equal parts."""
        width = x.shape[_CHANNELS] // groups
        if id(x) not in self._parts:
            self._parts[id(x)] = self._split(x, groups)
        elif any(part.shape[_CHANNELS] != width for part in self._parts[id(x)]):
            self._parts[id(x)] = tuple(
                self._channels(x, j, j * width, (j + 1) * width) for j in range(groups)
            )
        return self._parts[id(x)]

    def _split(self, x: Tensor, groups: int) -> tuple[Tensor, ...]:
        parts = tuple(_part(x, j, x.shape[_CHANNELS] // groups) for j in range(groups))
        axis = constant(f"{x.name}/group_axis", np.array(_CHANNELS, np.int32))
        options = schema.SplitOptionsT(numSplits=groups)
        self._write(Operator("SPLIT", (axis, x), parts, options))
        return parts

    def _channels(self, x: Tensor, j: int, start: int, stop: int) -> Tensor:
        """Some channels of a tensor in parts, which become its part j."""
        found, place = [], 0
        for part in self._parts[id(x)]:
            size = part.shape[_CHANNELS]
            first, last = max(start - place, 0), min(stop - place, size)
            if first < last:
                found.append(part if last - first == size else self._slice(part, first, last))
            place += size
        if len(found) == 1:
            return found[0]
        joined = replace(_part(x, j, stop - start), name=f"{x.name}/regrouped{j}")
        self._join(found, joined)
        return joined

    def _slice(self, x: Tensor, start: int, stop: int) -> Tensor:
        shape = (*x.shape[:_CHANNELS], stop - start)
        name = f"{x.name}/from{start}"
        begin = constant(f"{name}/begin", np.array((0, 0, 0, start), np.int32))
        size = constant(f"{name}/size", np.array(shape, np.int32))
        result = replace(x, name=name, shape=shape)
        self._write(Operator("SLICE", (x, begin, size), (result,), schema.SliceOptionsT()))
        return result

    def _join(self, parts: Sequence[Tensor], result: Tensor) -> None:
        while len(parts) > _MOST_PARTS:
            first, rest = parts[:_MOST_PARTS], parts[_MOST_PARTS:]
            width = sum(part.shape[_CHANNELS] for part in first)
            name = f"{result.name}/first{len(rest)}"
            some = replace(result, name=name, shape=(*result.shape[:_CHANNELS], width))
            self._join(first, some)
            parts = [some, *rest]
        options = schema.ConcatenationOptionsT(axis=_CHANNELS)
        self._write(Operator("CONCATENATION", tuple(parts), (result,), options))

    def _give(self, tensor: Tensor, parts: Sequence[Tensor]) -> None:
        self._parts[id(tensor)] = tuple(parts)
        self._only_parts.add(id(tensor))

    def _write(self, operator: Operator) -> None:
        self.operators.append(operator)


def _is_grouped(operator: Operator) -> bool:
    return _is_pointwise(operator) and 1 < _groups_of(operator) <= _MOST_GROUPS


def _part(tensor: Tensor, j: int, channels: int) -> Tensor:
    shape = (*tensor.shape[:_CHANNELS], channels)
    return replace(tensor, name=_named(tensor, j), shape=shape)


def _named(tensor: Tensor, j: int) -> str:
    return f"{tensor.name}/group{j}"


def _groups_of(conv: Operator) -> int:
    """The groups of a CONV_2D: its weight (O, H, W, I) has fewer input channels than its input."""
    return conv.read(0).shape[3] // conv.read(1).shape[3]


def _is_pointwise(operator: Operator) -> bool:
    """Whether it is a CONV_2D of 1 x 1 by constants that takes every pixel."""
    if operator.code != "CONV_2D":
        return False
    weight, bias = operator.read(1), operator.inputs[2:]
    return (
        weight.data is not None
        and weight.shape[1:3] == (1, 1)
        and (operator.options.strideH, operator.options.strideW) == (1, 1)
        and all(each is None or each.data is not None for each in bias)
    )
