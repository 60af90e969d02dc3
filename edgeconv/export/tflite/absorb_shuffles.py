"""Channel shuffles between grouped convolutions become part of the second one's window.

    grouped CONV_2D 1 x 1 -> RESHAPE, TRANSPOSE, RESHAPE -> depthwise -> grouped CONV_2D 1 x 1

Between K and G groups a shuffle brings each of the G groups a block of channels out of each of the
K. The first convolution may give its channels in any order within a group: block by block. Then
channel (k, j, t) of a pixel, the t-th of block j of group k, is in the same bytes channel (j, t) of
the k-th of K neighbouring pixels:

    (N, H, W, K * G * B)   is   (N, H, W * K, G * B)

and there the second convolution, with G groups, a window of 1 x K and a stride of 1 x K, reads
exactly its channels. Nothing moves:

    grouped CONV_2D 1 x 1 -> depthwise -> RESHAPE -> grouped CONV_2D 1 x K

Blocks that are shorter than the longest (20 channels are 7, 7 and 6) are filled up with channels of
zero weights, which give zero. The tensors on the way hold their channels in an order of their own,
so they are called NAME/blocks.

int8 ShuffleNet with three groups: a unit takes 0.79 of the time at 28 x 28, 0.88 at 14 x 14, the
same at 7 x 7. In float, see `separate_groups`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.export.tflite.grouped import groups_of, is_pointwise
from edgeconv.export.tflite.program import Operator, Program, Quantization, Tensor, constant
from edgeconv.export.tflite.program_view import ProgramView
from edgeconv.export.tflite.schema import VALID, schema

#: XNNPACK's int8 kernels take channels of a tap eight by eight: short blocks waste the rest. More
#: than this share of what the second convolution reads now, and the shuffle is cheaper.
_MOST_READ = 1.25
_TOGETHER = 8


def absorb_shuffles(program: Program) -> Program:
    """The program without the shuffles that their readers can do."""
    view = ProgramView(program)
    replaced: dict[int, list[Operator]] = {}
    for operator in program.operators:
        if operator.code == "TRANSPOSE":
            found = _Shuffle.around(operator, view)
            if found is not None:
                replaced |= found.rewritten()
    operators = [new for old in program.operators for new in replaced.get(id(old), [old])]
    return replace(program, operators=tuple(operators))


@dataclass(frozen=True, eq=False)
class _Shuffle:
    """A shuffle and the operators around it.

    Attributes:
        first: the convolution that gives the channels.
        moves: RESHAPE, TRANSPOSE, RESHAPE.
        between: paddings and depthwise convolutions behind them.
        second: the convolution that reads the channels.
        place: channel that `first` gives -> its place behind the shuffle.
    """

    first: Operator
    moves: tuple[Operator, ...]
    between: tuple[Operator, ...]
    second: Operator
    place: NDArray[np.intp]

    @classmethod
    def around(cls, transpose: Operator, view: ProgramView) -> _Shuffle | None:
        """The shuffle that a TRANSPOSE belongs to, if it is one that can be absorbed."""
        before, after = view.maker(transpose.inputs[0]), view.only_reader(transpose.outputs[0])
        if before is None or after is None or {before.code, after.code} != {"RESHAPE"}:
            return None
        if view.only_reader(before.outputs[0]) is not transpose:
            return None
        moves = (before, transpose, after)
        first = view.maker(before.inputs[0])
        if first is None or not is_pointwise(first) or view.only_reader(first.outputs[0]) is not before:
            return None
        between: list[Operator] = []
        reader = view.only_reader(after.outputs[0])
        while reader is not None and _keeps_channels(reader):
            between.append(reader)
            reader = view.only_reader(reader.outputs[0])
        if reader is None or not is_pointwise(reader) or groups_of(reader) < 2:
            return None
        came_from = _came_from(moves)
        if came_from is None:
            return None
        found = cls(first, moves, tuple(between), reader, np.argsort(came_from))
        return found if found._pays else None

    @property
    def _blocks(self) -> list[list[NDArray[np.intp]]]:
        """For every group of the first convolution and of the second: channels the first gives."""
        channels = len(self.place)
        given, read = groups_of(self.first), groups_of(self.second)
        readers = self.place // (channels // read)
        numbers = np.arange(channels).reshape(given, -1)
        return [[row[readers[row] == j] for j in range(read)] for row in numbers]

    @property
    def _slots(self) -> NDArray[np.intp]:
        """(K, G, B): the channel the first convolution gives there, -1 for a filler."""
        blocks = self._blocks
        longest = max(len(block) for row in blocks for block in row)
        slots = np.full((len(blocks), len(blocks[0]), longest), -1)
        for k, row in enumerate(blocks):
            for j, block in enumerate(row):
                slots[k, j, : len(block)] = block
        return slots

    @property
    def _pays(self) -> bool:
        given, read, longest = self._slots.shape
        now = _rounded_up(len(self.place) // read)
        return bool(given * _rounded_up(longest) <= _MOST_READ * now)

    def rewritten(self) -> dict[int, list[Operator]]:
        """What stands in place of each operator, by its id."""
        slots = self._slots
        flat = slots.reshape(-1)
        moved = np.where(flat < 0, -1, self.place[flat])
        tensor = _in_blocks(self.first.outputs[0], flat.size)
        new: dict[int, list[Operator]] = {id(move): [] for move in self.moves}
        new[id(self.first)] = [
            replace(
                self.first,
                inputs=(self.first.inputs[0], *_picked(self.first.inputs[1:], flat, axis=0)),
                outputs=(tensor,),
            )
        ]
        for operator in self.between:
            outputs = (_in_blocks(operator.outputs[0], flat.size),)
            constants = operator.inputs[1:]
            if operator.code != "PAD":
                constants = _picked(constants, moved, axis=3)
            new[id(operator)] = [replace(operator, inputs=(tensor, *constants), outputs=outputs)]
            tensor = outputs[0]
        new[id(self.second)] = _over_neighbours(self.second, tensor, slots, self.place)
        return new


def _keeps_channels(operator: Operator) -> bool:
    """Whether it treats every channel by itself and needs no more than its constants reordered."""
    if operator.code == "PAD":
        paddings = operator.inputs[1]
        return paddings is not None and paddings.data is not None and not paddings.data[3].any()
    return operator.code == "DEPTHWISE_CONV_2D" and operator.options.depthMultiplier == 1


def _came_from(moves: Sequence[Operator]) -> NDArray[np.intp] | None:
    """The channel each channel comes from; None where the moves do more than reorder channels."""
    source, result = moves[0].inputs[0], moves[-1].outputs[0]
    assert source is not None
    if len(source.shape) != 4 or source.shape != result.shape:
        return None
    before = np.arange(math.prod(source.shape)).reshape(source.shape)
    after = before
    for move in moves:
        if move.code == "TRANSPOSE":
            perm = move.inputs[1]
            assert perm is not None
            assert perm.data is not None
            after = after.transpose(perm.data)
        else:
            after = after.reshape(move.outputs[0].shape)
    channels: NDArray[np.intp] = after[0, 0, 0]
    same = channels.max() < source.shape[3] and np.array_equal(before[..., channels], after)
    return channels if same else None


def _rounded_up(channels: int) -> int:
    return -(-channels // _TOGETHER) * _TOGETHER


def _in_blocks(tensor: Tensor, channels: int) -> Tensor:
    return replace(tensor, name=f"{tensor.name}/blocks", shape=(*tensor.shape[:3], channels))


def _picked(
    constants: Sequence[Tensor | None], channels: NDArray[np.intp], axis: int
) -> tuple[Tensor | None, ...]:
    """Weight (channels along `axis`) and bias of these channels; zeros where one is negative."""
    weight, *bias = constants
    assert weight is not None
    found: list[Tensor | None] = [_pick(weight, channels, axis)]
    found += [None if each is None else _pick(each, channels, 0) for each in bias]
    return tuple(found)


def _pick(tensor: Tensor, channels: NDArray[np.intp], axis: int) -> Tensor:
    assert tensor.data is not None
    values: NDArray[Any] = np.moveaxis(tensor.data, axis, 0)[channels]
    values[channels < 0] = 0
    quantization = tensor.quantization
    if quantization is not None and len(quantization.scale) > 1:
        quantization = Quantization(
            quantization.scale[channels], quantization.zero_point[channels], quantization.axis
        )
    return constant(f"{tensor.name}/blocks", np.moveaxis(values, 0, axis), quantization)


def _over_neighbours(
    conv: Operator, x: Tensor, slots: NDArray[np.intp], place: NDArray[np.intp]
) -> list[Operator]:
    """The second convolution, over the K pixels that each pixel's channels are taken for."""
    given, read, longest = slots.shape
    weight = conv.inputs[1]
    assert weight is not None
    assert weight.data is not None
    outputs, _, _, width = weight.shape
    values = np.zeros((outputs, 1, given, longest), weight.dtype)
    for j in range(read):
        rows = slice(j * outputs // read, (j + 1) * outputs // read)
        for k in range(given):
            block = slots[k, j][slots[k, j] >= 0]
            values[rows, 0, k, : len(block)] = weight.data[rows, 0, 0][:, place[block] - j * width]
    n, height, columns, _ = x.shape
    shape = (n, height, columns * given, read * longest)
    side_by_side = replace(x, name=f"{x.name}/side_by_side", shape=shape)
    target = constant(f"{side_by_side.name}/shape", np.array(shape, np.int32))
    reshape = schema.ReshapeOptionsT(newShape=np.array(shape, np.int32))
    options = schema.Conv2DOptionsT(
        strideH=1,
        strideW=given,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=conv.options.fusedActivationFunction,
        padding=VALID,
    )
    new = constant(f"{weight.name}/blocks", values, weight.quantization)
    return [
        Operator("RESHAPE", (x, target), (side_by_side,), reshape),
        replace(conv, inputs=(side_by_side, new, *conv.inputs[2:]), options=options),
    ]
