"""Convolutions whose output is cut into runs of channels become a convolution for each run.

    CONV_2D (58 channels) -> SLICE (15), SLICE (14), SLICE (29)
    CONV_2D (15),  CONV_2D (14),  CONV_2D (29)

ShuffleNetV2's folded shuffles leave such slices behind (`graph.passes.shuffle`). Matrix kernels
compute output channels in tiles, of 16 in XNNPACK: 15, 14 and 29 channels are as many tiles as 58
are, so nothing is computed twice and nothing is copied. Where runs would take more tiles than the
whole, neighbours stay together, and are cut up as before.

A unit's last convolution takes 0.91 of the time at 28 x 28 pixels, in int8 and in float, and 0.93
and 0.96 at 14 x 14. The runs carry the names of the slices.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgeconv.export.tflite.program import Operator, Program, Tensor, constant, rows

_TILE = 16
_CHANNELS = 3


def split_convolutions(program: Program) -> Program:
    """The program with a convolution for every run of channels that is read apart."""
    readers: defaultdict[int, list[Operator]] = defaultdict(list)
    for operator in program.operators:
        for tensor in operator.inputs:
            readers[id(tensor)].append(operator)
    for _, tensor in program.outputs:
        readers[id(tensor)] = []
    replaced: dict[int, list[Operator]] = {}
    for operator in program.operators:
        if operator.code == "CONV_2D":
            replaced |= _split(operator, readers[id(operator.outputs[0])])
    operators = [new for old in program.operators for new in replaced.get(id(old), [old])]
    return replace(program, operators=tuple(operators))


@dataclass(frozen=True)
class _Run:
    """Neighbouring channels, from `start` up to but without `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many."""
        return self.stop - self.start

    @property
    def tiles(self) -> int:
        """How many tiles a kernel computes for them."""
        return -(-self.size // _TILE)

    def holds(self, other: _Run) -> bool:
        """Whether the other is part of it."""
        return self.start <= other.start and other.stop <= self.stop


def _split(conv: Operator, readers: Sequence[Operator]) -> Mapping[int, list[Operator]]:
    """What stands in place of a convolution and of each Slice of it, by their ids."""
    x, weight, bias = conv.read(0), conv.read(1), conv.inputs[2:]
    taken = {id(reader): run for reader in readers if (run := _taken_by(reader)) is not None}
    wanted = sorted(set(taken.values()), key=lambda run: run.start)
    apart = all(a.stop <= b.start for a, b in itertools.pairwise(wanted))
    dense = x.shape[_CHANNELS] == weight.shape[_CHANNELS] and weight.data is not None
    if len(taken) < len(readers) or not apart or not dense:
        return {}
    runs = _joined(wanted, _Run(0, conv.outputs[0].shape[_CHANNELS]).tiles)
    if len(runs) < 2:
        return {}
    replaced: dict[int, list[Operator]] = {id(conv): []}
    for run in runs:
        slices = [reader for reader in readers if run.holds(taken[id(reader)])]
        result = _result(conv.outputs[0], run, [(s, taken[id(s)]) for s in slices])
        constants = [
            None if each is None else rows(each, run.start, run.stop) for each in (weight, *bias)
        ]
        replaced[id(conv)].append(replace(conv, inputs=(x, *constants), outputs=(result,)))
        for reader in slices:
            replaced[id(reader)] = _moved(reader, taken[id(reader)], run, result)
    return replaced


def _taken_by(reader: Operator) -> _Run | None:
    """The run a SLICE takes, None for any other reader."""
    if reader.code != "SLICE":
        return None
    x, begin, size = map(reader.read, range(3))
    if begin.data is None or size.data is None or len(x.shape) != _CHANNELS + 1:
        return None
    if begin.data[:_CHANNELS].any() or tuple(size.data[:_CHANNELS]) != x.shape[:_CHANNELS]:
        return None
    start = int(begin.data[_CHANNELS])
    return _Run(start, start + int(size.data[_CHANNELS]))


def _joined(wanted: Sequence[_Run], tiles: int) -> list[_Run]:
    """The runs, the smallest neighbours joined until all take no more than so many tiles."""
    runs = list(wanted)
    while len(runs) > 1 and sum(run.tiles for run in runs) > tiles:
        sizes = [b.stop - a.start for a, b in itertools.pairwise(runs)]
        i = sizes.index(min(sizes))
        runs[i : i + 2] = [_Run(runs[i].start, runs[i + 1].stop)]
    return runs


def _result(whole: Tensor, run: _Run, slices: Sequence[tuple[Operator, _Run]]) -> Tensor:
    """The tensor of a run: the one Slice's that takes all of it, or one that is still cut."""
    if len(slices) == 1 and slices[0][1] == run:
        return slices[0][0].outputs[0]
    shape = (*whole.shape[:_CHANNELS], run.size)
    return replace(whole, name=f"{whole.name}/from_{run.start}", shape=shape)


def _moved(reader: Operator, taken: _Run, run: _Run, result: Tensor) -> list[Operator]:
    """A Slice on the tensor of its run; nothing where it is that tensor."""
    if reader.outputs[0] is result:
        return []
    begin = constant(
        f"{reader.outputs[0].name}/begin", np.array((0, 0, 0, taken.start - run.start), np.int32)
    )
    return [replace(reader, inputs=(result, begin, reader.inputs[2]))]
