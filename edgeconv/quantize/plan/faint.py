"""Where the int8 grid that an operator's kernel prescribes is too coarse for what it gives.

A sigmoid's int8 kernel writes in steps of 1/256, for values up to 1. A detector's scores may all be
a hundredth, on photos with nothing to find: on that grid they are three numbers, in no order. In
float the same operator writes on a grid for what calibration saw.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import name_of
from edgeconv.quantize.plan.apart import MOST_COARSER, Statistics
from edgeconv.quantize.plan.ranges import LEVELS


def faint_nodes(model: ir.Model, seen: Statistics) -> frozenset[str]:
    """Names of the nodes that compute in float because their kernels would lose what they give.

    Args:
        model: a hub graph.
        seen: statistics of its tensors.
    """
    found = set()
    for node in model.graph:
        grid = operator_of(node).prescribed
        if grid is None or is_absorbed(node):
            continue
        statistics = seen.get(name_of(written_output(node)))
        if statistics is None:
            continue
        step = (max(statistics.maximum, 0.0) - min(statistics.minimum, 0.0)) / LEVELS
        if 0 < step * MOST_COARSER < grid.scale:
            found.add(node.name or "")
    return frozenset(found)
