"""How the outputs of a hub graph are told apart, for `output_parts` to judge."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.parts import Part, channel_axis, parts_of
from edgeconv.graph.view import is_real, name_of, shape_of
from edgeconv.quantize.plan.apart import Statistics, has_unlike_channels, part_grids
from edgeconv.verify.parity.output_parts import OutputPart, OutputParts


def parts_of_outputs(model: ir.Model, seen: Statistics) -> dict[str, OutputParts]:
    """How each output of a hub graph is told apart.

    Args:
        model: the graph.
        seen: calibration's statistics of its tensors; may be empty.
    """
    found = {}
    batch = shape_of(model.graph.inputs[0])[:1]
    for output in model.graph.outputs:
        joined, shape = parts_of(output), shape_of(output)
        # One value for all photos, places, truth values: nothing to tell apart.
        if shape[:1] != batch or not is_real(output):
            found[name_of(output)] = OutputParts()
            continue
        steps = {grid.part: grid.step for grid in part_grids(joined, seen)}
        blocks: list[OutputPart] = []
        for part in joined.parts if joined.is_joined else ():
            block = _block(part, shape, steps.get(part.name, 0.0))
            if block is not None:
                blocks.append(block)
        axis = channel_axis(output) if has_unlike_channels(joined) else None
        found[name_of(output)] = OutputParts(tuple(blocks), axis)
    return found


def _block(part: Part, shape: tuple[int, ...], step: float) -> OutputPart | None:
    """The block of the output a part fills; None where it lies there in no block."""
    if len(shape) < 2 or part.places.size == 0:
        return None
    along = np.unravel_index(part.places.reshape(-1), shape)[1:]
    start = tuple(int(index.min()) for index in along)
    stop = tuple(int(index.max()) + 1 for index in along)
    size = shape[0] * np.prod([b - a for a, b in zip(start, stop, strict=True)])
    return OutputPart(part.name, start, stop, step) if size == part.places.size else None
