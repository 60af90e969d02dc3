"""Streams calibration inputs through the float graph and keeps only statistics.

Memory does not grow with the number of inputs: of every tensor only its extremes, its channels'
extremes and means, and a histogram stay. All but the histogram count every value. The histogram
counts a fixed sample of each tensor, spread evenly over it, which moves the chosen ranges by less
than the choice of photos does and makes it cheap: MobileNetV2 holds 6.7 million activations an
image.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.view import name_of, shape_of
from edgeconv.quantize.statistics import TensorStatistics, combine, measure
from edgeconv.quantize.targets import Target, targets

#: Inputs worked on at once, at most; each holds all its activations until its statistics are taken.
MOST_WORKERS = 4

Progress = Callable[[int], None]
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


def observe(
    model: ir.Model,
    batches: Iterable[NDArray[np.float32]],
    *,
    on_progress: Progress | None = None,
) -> Observations:
    """Runs the hub graph over calibration inputs, several at once, and gathers in their order.

    Args:
        model: a hub graph with one input.
        batches: float32 arrays of the graph input's shape, (N, 3, H, W).
        on_progress: called with the number of inputs done, after each.

    Raises:
        UsageError: no input at all, or one of another shape.
        RefusedError: a tensor holds NaN or infinity; names it.
    """
    wanted = targets(model)
    running: Measured = []
    done = 0
    for seen in _measured(model, wanted, batches):
        pairs = zip(running, seen, strict=True)
        running = [combine(one, other) for one, other in pairs] if running else seen
        done += 1
        if on_progress is not None:
            on_progress(done)
    if not done:
        raise UsageError("calibration needs at least one photo, none was given")
    return Observations({t.name: s for t, s in zip(wanted, running, strict=True)}, done)


def _measured(
    model: ir.Model, wanted: list[Target], batches: Iterable[NDArray[np.float32]]
) -> Iterator[Measured]:
    """Statistics of one input after another, in the order of the inputs."""
    (source,) = model.graph.inputs
    shape, name = shape_of(source), name_of(source)
    session = open_with_outputs(model, [t.value for t in wanted if t.producer is not None])

    def work(batch: NDArray[np.float32], turn: int) -> Measured:
        arrays = [batch, *session.run(None, {name: batch})]
        return [measure(t, array, turn) for t, array in zip(wanted, arrays, strict=True)]

    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    pending: deque[Future[Measured]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for turn, batch in enumerate(batches):
                _check_shape(batch, shape)
                pending.append(pool.submit(work, batch, turn))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def open_with_outputs(model: ir.Model, values: list[ir.Value]) -> onnxruntime.InferenceSession:
    """Opens the graph in onnxruntime on one thread, giving exactly `values` as outputs."""
    proto = ir.to_proto(model)
    del proto.graph.output[:]
    proto.graph.output.extend(ir.to_proto(value) for value in values)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _check_shape(batch: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if batch.shape != shape or batch.dtype != np.float32:
        raise UsageError(
            f"a calibration input has shape {batch.shape} of {batch.dtype}, "
            f"the graph takes {shape} of float32"
        )
