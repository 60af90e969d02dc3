"""Parts of an output that its int8 grid cannot tell apart, whatever the photo.

A head that joins boxes in pixels and scores in 0..1 on one scale gives scores of one value. What a
part can be at most follows from the file alone: a sigmoid lies in 0..1, a layer's channel within
what its weights make of its input's grid. Where that interval holds few steps of the coarsest grid
on the way to the output, the part is lost.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.graph.operators.operator import Kind, Scales
from edgeconv.verify.audit.findings import AuditFinding
from edgeconv.verify.thresholds import AUDIT

#: Parts of an output, and steps between them and it, that are followed.
_MOST_WAYS = 1_000_000
#: Weights that are made reals at a time: the largest layers have a hundred million.
_MOST_REALS = 2**20

Role = Literal["move", "join", "bounded", "layer", "other"]
#: Low and high, one each or one a channel.
Interval = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Grid:
    """The reals a tensor of integers can hold: from `low` to `high` in steps."""

    low: float
    high: float
    step: float


@dataclass(frozen=True, eq=False)
class Writer:
    """What writes a tensor, in words of neither format.

    Attributes:
        role: whether it moves values (conversions too), joins them, is bounded, or is a layer.
        name: of the tensor, as the file has it.
        reads: the computed tensors it reads.
        interval: of a bounded operator or a layer, what it can write.
        is_map: whether it writes channels over places, and not one row of values.
    """

    role: Role
    name: str
    reads: tuple[Hashable, ...]
    interval: Interval | None = None
    is_map: bool = False


def role_of(kind: Kind, scales: Scales, bounds: tuple[float, float], *, is_layer: bool) -> Role:
    """What an operator is to its output's parts, from the traits of its row."""
    if kind in ("view", "identity", "transpose", "conversion"):
        return "move"
    if scales == "joined":
        return "join"
    if bounded(bounds) is not None:
        return "bounded"
    return "layer" if is_layer else "other"


def bounded(bounds: tuple[float, float]) -> Interval | None:
    """What an operator can write at most, None where one side is open."""
    if not np.isfinite(bounds).all():
        return None
    return np.array([bounds[0]]), np.array([bounds[1]])


def part_findings(
    writers: Mapping[Hashable, Writer],
    grids: Mapping[Hashable, Grid],
    ends: Sequence[Hashable],
) -> Iterator[AuditFinding]:
    """A finding for each output of which a part is lost."""
    for end in ends:
        lost = _lost(end, writers, grids)
        if lost:
            name = writers[end].name if end in writers else str(end)
            yield AuditFinding(
                "error",
                "lost parts",
                f"output {name} cannot tell values of some of its parts apart: "
                f"{lost[0][0]} has {lost[0][1]} of 256 levels there"
                + (f", and {len(lost) - 1} others as few" if len(lost) > 1 else ""),
                tuple(part for part, _ in lost),
                "give unlike parts outputs or scales of their own; edgeconv export does",
            )


def _lost(
    end: Hashable, writers: Mapping[Hashable, Writer], grids: Mapping[Hashable, Grid]
) -> list[tuple[str, int]]:
    """Name and levels of every lost part, the fewest first."""
    leaves = _leaves(end, writers, grids)
    found = []
    for key, coarsest in leaves:
        writer = writers.get(key)
        interval = _interval(key, writer, grids)
        if writer is None or interval is None or coarsest == 0:
            continue
        low, high = interval
        if len(leaves) > 1:
            levels = _levels(float(high.max() - low.min()), coarsest)
            if levels < AUDIT.part_levels:
                found.append((writer.name, levels))
        elif writer.role == "layer" and writer.is_map:
            channels = [_levels(float(w), coarsest) for w in high - low]
            found += [
                (f"{writer.name}[{i}]", n)
                for i, n in enumerate(channels)
                if n < AUDIT.channel_levels
            ]
    return sorted(found, key=lambda part: part[1])


def _leaves(
    end: Hashable,
    writers: Mapping[Hashable, Writer],
    grids: Mapping[Hashable, Grid],
) -> list[tuple[Hashable, float]]:
    """What an output is joined from, and the coarsest step between it and the output.

    What is joined from one part by several ways is followed once for each coarsest step.
    """
    found: list[tuple[Hashable, float]] = []
    seen: set[tuple[Hashable, float]] = set()
    open_ones = [(end, 0.0)]
    while open_ones:
        key, coarsest = open_ones.pop()
        if key in grids:
            coarsest = max(coarsest, grids[key].step)
        if (key, coarsest) in seen:
            continue
        seen.add((key, coarsest))
        if len(seen) > _MOST_WAYS:
            raise ValueError(f"an output is joined in more than {_MOST_WAYS} ways")
        writer = writers.get(key)
        if writer is None or writer.role not in ("move", "join") or not writer.reads:
            found.append((key, coarsest))
        else:
            open_ones += [(source, coarsest) for source in reversed(writer.reads)]
    return found


def _interval(
    key: Hashable, writer: Writer | None, grids: Mapping[Hashable, Grid]
) -> Interval | None:
    """What a tensor can be: the narrower of its grid and of what its operator can write."""
    held = grids.get(key)
    made = None if writer is None else writer.interval
    if held is None:
        return made
    if made is None:
        return np.array([held.low]), np.array([held.high])
    return made[0].clip(held.low, held.high), made[1].clip(held.low, held.high)


def _levels(width: float, step: float) -> int:
    return int(np.floor(width / step + 1e-6)) + 1


def grid(dtype: np.dtype[Any], scale: float, zero_point: int) -> Grid | None:
    """The grid of integers of 8 bits, None where its scale is none."""
    if not (np.isfinite(scale) and scale > 0):
        return None
    limits = np.iinfo(dtype)
    return Grid(scale * (limits.min - zero_point), scale * (limits.max - zero_point), scale)


def row_sums(
    values: NDArray[Any], scale: NDArray[Any], zero_point: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sums of what is above zero, and below, in the reals of each output channel's weights.

    Args:
        values: integers, (channels, ...).
        scale, zero_point: one, or (channels,).
    """
    rows = values.reshape(len(values), -1)
    every = (len(rows), 1)
    shift, factor = (
        np.broadcast_to(np.asarray(a, np.float64).reshape(-1, 1), every)
        for a in (zero_point, scale)
    )
    above, below = np.zeros(len(rows)), np.zeros(len(rows))
    at_a_time = max(1, _MOST_REALS // max(1, rows.shape[1]))
    for start in range(0, len(rows), at_a_time):
        some = slice(start, start + at_a_time)
        reals = (rows[some].astype(np.float64) - shift[some]) * factor[some]
        above[some], below[some] = reals.clip(min=0).sum(axis=1), reals.clip(max=0).sum(axis=1)
    return above, below


def layer_interval(
    sums: tuple[NDArray[np.float64], NDArray[np.float64]],
    bias: NDArray[np.float64] | None,
    source: Grid,
) -> Interval:
    """What each channel of a layer can be, for any input on a grid.

    Args:
        sums: of the weights of each output channel, above and below zero, (channels,).
        bias: (channels,) or None.
        source: the input's grid; padding reads zero, which a grid always holds.
    """
    low, high = min(source.low, 0.0), max(source.high, 0.0)
    above, below = sums
    shift = np.zeros(len(above)) if bias is None else bias.reshape(-1)
    return above * low + below * high + shift, above * high + below * low + shift
