"""Keeps the parts of an output apart whose steps one scale for all of them would lose.

A detector's head joins boxes in pixels and scores in 0..1. On one int8 scale a step is two pixels,
and every score is zero. So where a part's own grid is much finer than the grid of all, what joins
the parts computes in float and its output is float32, and so does what decodes them (`decode`): the
layers keep scales of their own up to there.
The channels of a layer that writes an output are parts of the same kind, and have no scale of their
own in any file: there the layer itself computes in float, if it is a small one.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.fusion import clip_bounds, writer_of, written_outputs
from edgeconv.graph.metrics import multiply_adds, node_multiply_adds
from edgeconv.graph.operators.operator import UNBOUNDED
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.parts import Joined, channel_axis, is_in_place, next_before, parts_of, uncopied
from edgeconv.graph.view import activation_inputs, is_real, name_of, shape_of
from edgeconv.quantize.observe.statistics import TensorStatistics
from edgeconv.quantize.plan.decode import behind, decoding
from edgeconv.quantize.plan.ranges import LEVELS
from edgeconv.quantize.plan.shared import keeps_scale
from edgeconv.quantize.plan.weights import layer_of

#: A part may lose two of its eight bits to the others' range: 64 levels are 36 dB.
MOST_COARSER = 4.0
#: A channel among those of one layer may lose five: three are left.
MOST_COARSER_CHANNEL = 32.0
#: A layer that writes an output may compute in float up to this share of the multiply-adds.
SMALL_LAYER = 0.05

Statistics = Mapping[str, TensorStatistics]


@dataclass(frozen=True)
class PartGrid:
    """How finely a part of an output could be rounded, and how finely all of it together.

    Attributes:
        output: the graph's output.
        part: the hub tensor joined into it; `TENSOR[3]` for a channel.
        step: of an int8 grid of its own.
        shared_step: of one int8 grid for all of the output.
        lost: whether the shared step is too coarse for it.
    """

    output: str
    part: str
    step: float
    shared_step: float
    lost: bool


@dataclass(frozen=True)
class Apart:
    """What keeps parts apart.

    Attributes:
        nodes: names of those that compute in float for it.
        outputs: graph outputs that are float32 for it.
        sources: names of what those nodes read, in int8; every value of it counts, for the few
            large ones are what is found.
        grids: every part whose steps one scale would lose, kept apart or not.
    """

    nodes: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    grids: tuple[PartGrid, ...] = ()

    def notes(self) -> list[str]:
        """A sentence for each output that would lose a part."""
        return [
            _note([grid for grid in self.grids if grid.output == output], output in self.outputs)
            for output in dict.fromkeys(grid.output for grid in self.grids)
        ]

    def to_json(self) -> list[dict[str, Any]]:
        """A record for each lost part."""
        return [
            {
                "output": grid.output,
                "part": grid.part,
                "step": grid.step,
                "shared_step": grid.shared_step,
                "kept_apart": grid.output in self.outputs,
            }
            for grid in self.grids
        ]


def _note(lost: list[PartGrid], kept_apart: bool) -> str:
    finest = min(lost, key=lambda grid: grid.step)
    levels = max(1, round(LEVELS * finest.step / finest.shared_step))
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    said = (
        f"output {finest.output}: one int8 scale would leave {finest.part}{more} "
        f"{levels} of {LEVELS + 1} levels"
    )
    if kept_apart:
        return f"{said}; it is put together in float, and float32 in the int8 files"
    return f"{said}, and what computes it is too large, or read elsewhere, to stay in float"


def keep_apart(model: ir.Model, seen: Statistics) -> Apart:
    """Which operators at the end of a graph compute in float, so that no part is lost.

    Args:
        model: a hub graph.
        seen: statistics of its tensors.
    """
    nodes: set[str] = set()
    outputs: set[str] = set()
    grids: list[PartGrid] = []
    for output in filter(is_real, model.graph.outputs):
        joined = parts_of(output)
        found = part_grids(joined, seen)
        path: tuple[ir.Node, ...] | None = joined.path
        if has_unlike_channels(joined):
            found = channel_grids(output, joined.parts[0].value, seen)
            path = _with_writers(model, joined, seen) if any(g.lost for g in found) else None
        lost = [grid for grid in found if grid.lost]
        grids += lost
        if lost and path and _is_alone(path, output):
            nodes |= decoding(model, {node.name or "" for node in path} - _shared(path))
            outputs.add(name_of(output))
    nodes |= _joined_on_the_way(model, seen)
    sources = _read_by(model, nodes)
    return Apart(frozenset(nodes), frozenset(outputs), sources, tuple(grids))


def _joined_on_the_way(model: ir.Model, seen: Statistics) -> frozenset[str]:
    """What joins unlike parts that are taken apart again before the outputs, and decodes them.

    Each output of it has a grid of its own.
    """
    ends: set[str] = set()
    for node in model.graph:
        if operator_of(node).channels != "joined" or node.name in ends:
            continue
        if any(grid.lost for grid in part_grids(parts_of(node.outputs[0]), seen)):
            ends |= behind(node) or set()
    return decoding(model, ends) if ends else frozenset()


def _read_by(model: ir.Model, nodes: Set[str]) -> frozenset[str]:
    """Names of what these nodes read and do not write."""
    own = [node for node in model.graph if node.name in nodes]
    read = {name_of(value) for node in own for _, value in activation_inputs(node)}
    return frozenset(read - {value.name for node in own for value in node.outputs})


def part_grids(joined: Joined, seen: Statistics) -> list[PartGrid]:
    """The grid of every part of an output that is joined from some."""
    if not joined.is_joined:
        return []
    spans = [_span(part.value, seen) for part in joined.parts]
    shared = (max(high for _, high in spans) - min(low for low, _ in spans)) / LEVELS
    output = name_of(joined.output)
    return [
        _grid(output, part.name, (high - low) / LEVELS, shared, MOST_COARSER)
        for part, (low, high) in zip(joined.parts, spans, strict=True)
    ]


def has_unlike_channels(joined: Joined) -> bool:
    """Whether the channels of an output may be unlike quantities.

    They are of one kind by their make in a row of logits, in probabilities, and in features behind
    a clamp, of which some are hardly ever active.
    """
    if joined.is_joined or not joined.parts or len(shape_of(joined.output)) < 3:
        return False
    node = joined.parts[0].value.producer()
    return node is not None and operator_of(node).bounds == UNBOUNDED and clip_bounds(node) is None


def channel_grids(output: ir.Value, value: ir.Value, seen: Statistics) -> list[PartGrid]:
    """The grid of every channel of a value that becomes an output."""
    statistics, axis = seen.get(name_of(value)), channel_axis(value)
    if statistics is None or axis is None:
        return []
    if len(statistics.channel_minimum) != shape_of(value)[axis]:
        return []  # it is read elsewhere too, where other channels count
    lows: NDArray[np.float32] = np.minimum(statistics.channel_minimum, 0)
    highs: NDArray[np.float32] = np.maximum(statistics.channel_maximum, 0)
    shared = float(highs.max() - lows.min()) / LEVELS
    steps = (highs - lows).astype(np.float64) / LEVELS
    return [
        _grid(name_of(output), f"{value.name}[{i}]", float(step), shared, MOST_COARSER_CHANNEL)
        for i, step in enumerate(steps)
    ]


def _grid(output: str, part: str, step: float, shared: float, most: float) -> PartGrid:
    return PartGrid(output, part, step, shared, lost=0 < step * most < shared)


def _span(value: ir.Value, seen: Statistics) -> tuple[float, float]:
    """The interval of a part's own grid, zero in it; what the specification prescribes, if so."""
    node = value.producer()
    bounds = None if node is None else operator_of(node).bounds
    if bounds is not None and np.isfinite(bounds).all():
        return bounds
    found = seen.get(name_of(value))
    return (0.0, 0.0) if found is None else (min(found.minimum, 0.0), max(found.maximum, 0.0))


def _with_writers(model: ir.Model, joined: Joined, seen: Statistics) -> tuple[ir.Node, ...] | None:
    """The path, and all that computes unlike channels before it.

    Back to the concatenation where they come together, or to the layer that computes them: it too
    where its own output is as unlike. None where that is too large a layer to compute in float.
    """
    path, leaf = list(joined.path), joined.parts[0].value
    value: ir.Value | None = leaf
    while value is not None:
        node = value.producer()
        node = None if node is None else writer_of(node)
        if node is None or not (value is leaf or _is_read_by(value, path)):
            break
        if layer_of(node) is not None:
            if value is leaf or any(grid.lost for grid in channel_grids(leaf, value, seen)):
                if node_multiply_adds(node) > SMALL_LAYER * multiply_adds(model):
                    return None
                path.append(node)
            break
        path.append(node)
        value = next_before(node) if keeps_scale(node) or is_in_place(node) else None
    return tuple(path)


def _is_read_by(value: ir.Value, path: list[ir.Node]) -> bool:
    names = {node.name for node in path}
    return not value.is_graph_output() and {use.node.name for use in value.uses()} <= names


def _is_alone(path: tuple[ir.Node, ...], output: ir.Value) -> bool:
    """Whether nothing but this output hangs on what the path writes.

    A copy that other operators read too does not count: it may stay in int8.
    """
    names = {node.name for node in path}
    values = [value for node in path if not _is_copy(node) for value in written_outputs(node)]
    return all(
        {use.node.name for use in value.uses()} <= names
        and (value is output or not value.is_graph_output())
        for value in values
    )


def _is_copy(node: ir.Node) -> bool:
    return uncopied(node.outputs[0])[0] is not node.outputs[0]


def _shared(path: tuple[ir.Node, ...]) -> set[str]:
    """Names of the path's copies that others read too."""
    names = {node.name for node in path}
    return {
        node.name or ""
        for node in path
        if _is_copy(node) and not {use.node.name for use in node.outputs[0].uses()} <= names
    }
