"""Runs a net over samples, a batch at a time, and puts what it gives under the graph's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.parts import Joined
from edgeconv.graph.passes.split_outputs import split_arrays
from edgeconv.graph.view import name_of
from edgeconv.runtime.adapt import join_runs
from edgeconv.runtime.feeds import Batch, arrays_of, rows


def rows_by_name(
    run: Callable[[Batch], Sequence[NDArray[Any]]],
    samples: Batch,
    batch: int,
    model: ir.Model,
    former: Sequence[Joined] | None,
) -> dict[str, NDArray[Any]]:
    """What a net makes of all samples, (N, ...) by name.

    Args:
        run: gives the net's own outputs for one batch, in order.
        samples: (N, ...), N a multiple of the batch.
        batch: samples a run.
        model: the net's hub graph.
        former: how the net's own outputs were split, if they were.
    """
    whole = model.graph.outputs
    outputs = whole if former is None else [joined.output for joined in former]
    names = [name_of(value) for value in outputs]
    found: dict[str, list[NDArray[Any]]] = {name_of(value): [] for value in whole}
    for start in range(0, len(arrays_of(samples)[0]), batch):
        made = run(rows(samples, slice(start, start + batch)))
        named = dict(zip(names, made, strict=True))
        split = named if former is None else split_arrays(former, named)
        for name, array in split.items():
            found[name].append(array)
    return {name: join_runs(parts, batch) for name, parts in found.items()}
