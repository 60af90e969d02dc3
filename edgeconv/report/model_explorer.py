"""Figures of tensors for Google's Model Explorer, which colours a graph's nodes by them.

The form is that of its package's `node_data_builder.GraphNodeData`: a node is found by the name of
a tensor that it writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from edgeconv.disk import write_whole
from edgeconv.report import jsondoc

_WORST, _BEST = "#e4572e", "#ffffff"


def write(path: Path, name: str, figures: Mapping[str, float], *, least_is_worst: bool) -> None:
    """Writes one overlay, the worst figure in the loudest colour.

    Args:
        path: where to.
        name: what the figures are, with their unit.
        figures: by the tensor's name in the file; those that are not finite are left out.
        least_is_worst: whether the least of them is the worst, as of signal-to-noise ratios.

    Raises:
        OutputUnwritable: it cannot be written there.
    """
    least, most = (_WORST, _BEST) if least_is_worst else (_BEST, _WORST)
    document = {
        "name": name,
        "results": {
            tensor: {"value": float(f"{value:.4g}")}
            for tensor, value in figures.items()
            if math.isfinite(value)
        },
        "gradient": [{"stop": 0, "bgColor": least}, {"stop": 1, "bgColor": most}],
    }
    write_whole(path, jsondoc.dumps(document).encode())
