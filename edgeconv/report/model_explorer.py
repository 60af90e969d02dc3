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


def write(path: Path, name: str, figures: Mapping[str, float]) -> None:
    """Writes one overlay, the least figure in the loudest colour.

    Args:
        path: where to.
        name: what the figures are, with their unit.
        figures: by the tensor's name in the file; those that are not finite are left out.

    Raises:
        OutputUnwritable: it cannot be written there.
    """
    document = {
        "name": name,
        "results": {
            tensor: {"value": round(value, 3)}
            for tensor, value in figures.items()
            if math.isfinite(value)
        },
        "gradient": [{"stop": 0, "bgColor": _WORST}, {"stop": 1, "bgColor": _BEST}],
    }
    write_whole(path, jsondoc.dumps(document).encode())
