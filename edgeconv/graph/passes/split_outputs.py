"""Gives the parts of joined outputs as outputs of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from edgeconv.graph.parts import Joined, parts_of
from edgeconv.graph.view import name_of


def split_outputs(model: ir.Model) -> list[Joined]:
    """Replaces each output that is joined from parts by those parts, as the hub holds them.

    Changes the graph; what only joined them is gone. An output stays whole where a part of it is
    given already, or is the graph's input.

    Returns:
        How each of the former outputs was joined, in their order.
    """
    graph = model.graph
    former = [parts_of(value) for value in graph.outputs]
    taken = set(graph.inputs) | {j.output for j in former if not _splits(j, frozenset())}
    found: list[Joined] = []
    for joined in former:
        if _splits(joined, frozenset(taken)):
            taken |= {part.value for part in joined.parts}
            found.append(joined)
        else:
            found.append(Joined(joined.output, (), ()))
    graph.outputs.clear()
    for joined in found:
        graph.outputs.extend([part.value for part in joined.parts] or [joined.output])
    common.RemoveUnusedNodesPass()(model)
    return found


def _splits(joined: Joined, taken: frozenset[ir.Value]) -> bool:
    values = [part.value for part in joined.parts]
    return joined.is_joined and len(set(values)) == len(values) and taken.isdisjoint(values)


def split_arrays(
    former: Sequence[Joined], arrays: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """One run's outputs by the names of the split graph.

    Args:
        former: what `split_outputs` gave.
        arrays: by the names of the outputs as they were, in the order of `former`.
    """
    found: dict[str, NDArray[np.float32]] = {}
    for joined, (name, array) in zip(former, arrays.items(), strict=True):
        if not joined.parts:
            found[name] = array
        for part in joined.parts:
            found[name_of(part.value)] = array.reshape(-1)[part.places]
    return found
