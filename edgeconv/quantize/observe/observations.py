"""Streams calibration inputs through the float graph and keeps only statistics.

Memory does not grow with the number of inputs: of every tensor only its extremes, its channels'
extremes and means, and a histogram stay. All but the histogram count every value. The histogram
counts a fixed sample of each tensor, spread evenly over it, which moves the chosen ranges by less
than the choice of photos does and makes it cheap: MobileNetV2 holds 6.7 million activations an
image.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.view import name_of, shape_of
from edgeconv.progress import SILENT, Advance
from edgeconv.quantize.observe.session import BoundRun, open_graph
from edgeconv.quantize.observe.statistics import Gathering, TensorStatistics, combine
from edgeconv.quantize.observe.targets import Target, targets
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import count_workers, in_threads, stream

#: Inputs that share one histogram a tensor; fixed, so that the sums do not depend on the machine.
HANDFUL = 8

Measured = list[TensorStatistics]


@dataclass(frozen=True, eq=False)
class Observations:
    """Statistics of every tensor to be quantized, by name, in the order they are computed.

    Attributes:
        tensors: statistics by name.
        inputs: how many inputs they are of.
    """

    tensors: Mapping[str, TensorStatistics]
    inputs: int

    def can_scale(self, names: Iterable[str]) -> bool:
        """Whether it is known what the inputs show once channels of these tensors are scaled."""
        return all(self.tensors[name].kept is not None for name in names)

    def scaled(self, factors: Mapping[str, Sequence[float]]) -> Observations:
        """What the inputs show once the channels of some tensors are multiplied, by tensor."""
        names = list(factors)
        found = in_threads(lambda name: self.tensors[name].scaled(factors[name]), names)
        return Observations({**self.tensors, **dict(zip(names, found, strict=True))}, self.inputs)


def observe(
    model: ir.Model,
    batches: Iterable[Batch],
    *,
    after: Observations | None = None,
    known: Mapping[str, TensorStatistics] | None = None,
    keep: bool = False,
    advance: Advance = SILENT.advance,
) -> Observations:
    """Runs the hub graph over calibration inputs, several at once, and gathers in their order.

    Args:
        model: a hub graph.
        batches: float32 arrays of its inputs' shapes.
        after: what was seen of the same graph before, on other inputs; it is added to.
        known: what these very inputs showed of some tensors already; they are not looked at again.
        keep: whether the samples of these inputs stay, so that `scaled` may be asked for.
        advance: told how many inputs are done, after each handful.

    Raises:
        UsageError: no input at all, or one of another shape.
        RefusedError: a tensor holds NaN or infinity; names it.
    """
    known = known or {}
    wanted = [target for target in targets(model) if target.name not in known]
    running: Measured = [] if after is None else [after.tensors[t.name] for t in wanted]
    done = 0 if after is None else after.inputs
    for seen in _measured(model, wanted, batches, done, keep=keep):
        pairs = zip(running, seen, strict=True)
        running = [combine(one, other) for one, other in pairs] if running else seen
        done = running[0].inputs
        advance(done)
    if not done:
        raise UsageError("calibration needs at least one photo, none was given")
    found = {**known, **{t.name: s for t, s in zip(wanted, running, strict=True)}}
    return Observations({t.name: found[t.name] for t in targets(model)}, done)


def _measured(
    model: ir.Model, wanted: list[Target], batches: Iterable[Batch], turn: int, *, keep: bool
) -> Iterator[Measured]:
    """Statistics of one handful of inputs after another, in the order of the inputs.

    `turn` is the number of the first.
    """
    shapes = {name_of(value): shape_of(value) for value in model.graph.inputs}
    fed = [t.name for t in wanted if t.producer is None]
    computed = [t.value for t in wanted if t.producer is not None]
    session = open_graph(model, computed) if computed else None
    local = threading.local()

    def work(numbered: tuple[int, list[Batch]]) -> Measured:
        first, handful = numbered
        if session is not None and not hasattr(local, "run"):
            local.run = BoundRun(session)
        gathered = [Gathering(target, keep=keep) for target in wanted]
        for number, batch in enumerate(handful):
            given = by_name(batch, list(shapes))
            arrays = [given[name] for name in fed]
            arrays += local.run(given) if computed else []
            for gathering, array in zip(gathered, arrays, strict=True):
                gathering.add(array, first + number)
        return [gathering.result() for gathering in gathered]

    return stream(work, _handfuls(batches, shapes, turn), workers=count_workers())


def _handfuls(
    batches: Iterable[Batch], shapes: Mapping[str, tuple[int, ...]], turn: int
) -> Iterator[tuple[int, list[Batch]]]:
    """HANDFUL inputs at a time, each of the graph's shapes, with the number of the first."""
    source = iter(batches)
    while handful := list(islice(source, HANDFUL)):
        for batch in handful:
            for name, array in by_name(batch, list(shapes)).items():
                _check_shape(array, shapes[name])
        yield turn, handful
        turn += len(handful)


def _check_shape(batch: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if batch.shape != shape or batch.dtype != np.float32:
        raise UsageError(
            f"a calibration input has shape {batch.shape} of {batch.dtype}, "
            f"the graph takes {shape} of float32"
        )
