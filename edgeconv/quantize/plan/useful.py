"""The interval outside of which a tensor's values make no difference in int8.

Where sigmoids alone read a tensor it ends where they saturate, to both sides. Where a swish alone
reads it, x * sigmoid(x), it ends so at the low end: from there on down the sigmoid is the integer
zero, and so is the product. Where the sigmoid reads x times a factor for each channel
(`repair.swish`), every channel has an end of its own, and the farthest counts that was seen: a
quiet channel that was scaled up may lie far below zero, to no use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir

from edgeconv.graph.gates import argument_factors, is_gate
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import sole_consumer
from edgeconv.quantize.observe.statistics import TensorStatistics
from edgeconv.quantize.observe.targets import Target
from edgeconv.quantize.plan.ranges import Range


def useful_ranges(
    wanted: Sequence[Target], seen: Mapping[str, TensorStatistics], islands: frozenset[str]
) -> dict[str, Range]:
    """By tensor, where that is less than everything.

    Args:
        wanted: the tensors.
        seen: what calibration saw of each.
        islands: names of the nodes that compute in float, where nothing saturates.
    """
    found = {}
    for target in wanted:
        readers = [use.node for use in target.value.uses()]
        if target.value.is_graph_output() or any(node.name in islands for node in readers):
            continue
        ends = [_saturated(node) for node in readers]
        known = [end for end in ends if end is not None]
        if known and len(known) == len(ends):
            found[target.name] = (-max(known), max(known))
        elif (low := _swish_low(readers, seen[target.name])) is not None:
            found[target.name] = (low, math.inf)
    return found


def _saturated(node: ir.Node) -> float | None:
    """How far from zero a node that reads a tensor saturates; None where it never does."""
    grid = operator_of(node).prescribed
    return None if grid is None else grid.saturated


def _swish_low(readers: Sequence[ir.Node], seen: TensorStatistics) -> float | None:
    """The low end of what one swish reads and nothing else; None of any other tensor."""
    if len(readers) != 2:
        return None
    for reader, product in (readers, readers[::-1]):
        factors = argument_factors(reader)
        through = sole_consumer(reader.outputs[0]) if factors is not None else reader
        if through is None or product.op_type != "Mul" or through.outputs[0] not in product.inputs:
            continue
        end = _saturated(through)
        if end is not None and is_gate(through.outputs[0]):
            by = np.ones(1) if factors is None else factors.astype(np.float64)
            lows = np.full(by.shape, -np.inf)  # a sigmoid that falls with x is one down there
            np.divide(-end, by, out=lows, where=by > 0)
            return float(np.maximum(lows, seen.channel_minimum).min())
    return None
