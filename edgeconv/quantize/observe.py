"""Streams calibration inputs through the float graph and keeps only statistics.

Memory does not grow with the number of inputs: of every tensor only its extremes, its channels'
extremes and a histogram stay. Extremes are exact over every value. The histogram counts a fixed
sample of each tensor, spread evenly over it, which moves the chosen ranges by less than the choice
of photos does and makes it cheap: MobileNetV2 holds 6.7 million activations an image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from edgeconv.errors import RefusedError, UsageError
from edgeconv.graph.view import name_of, shape_of
from edgeconv.quantize.histogram import Histogram, histogram, merge
from edgeconv.quantize.targets import Target, targets

#: How many values of a tensor a histogram counts, at most, for each input.
SAMPLE = 16384

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class TensorStatistics:
    """What calibration saw of one tensor.

    Attributes:
        minimum, maximum: exact extremes over every value of every input.
        channel_minimum, channel_maximum: float32 (channels,), the same by channel (axis 1).
        histogram: of a sample of the values.
        elements: values the tensor has for one input.
        bounds: interval the graph confines it to.
        is_output: whether it is an output of the graph.
    """

    minimum: float
    maximum: float
    channel_minimum: NDArray[np.float32]
    channel_maximum: NDArray[np.float32]
    histogram: Histogram
    elements: int
    bounds: tuple[float, float] = (-math.inf, math.inf)
    is_output: bool = False


@dataclass(frozen=True, eq=False)
class Observations:
    """Statistics of every tensor to be quantized, by name, in the order they are computed."""

    tensors: Mapping[str, TensorStatistics]
    inputs: int


def observe(
    model: ir.Model,
    batches: Iterable[NDArray[np.float32]],
    *,
    on_progress: Progress | None = None,
) -> Observations:
    """Runs the hub graph over calibration inputs.

    Args:
        model: a hub graph with one input.
        batches: float32 arrays of the graph input's shape, (1, 3, H, W).
        on_progress: called with the number of inputs done, after each.

    Raises:
        UsageError: no input at all, or one of another shape.
        RefusedError: a tensor holds NaN or infinity; names it.
    """
    wanted = targets(model)
    (source,) = model.graph.inputs
    session = open_with_outputs(model, [t.value for t in wanted if t.producer is not None])
    running: dict[str, TensorStatistics] = {}
    done = 0
    for batch in batches:
        _check_shape(batch, shape_of(source))
        results = session.run(None, {name_of(source): batch})
        arrays = [batch, *results]
        for target, array in zip(wanted, arrays, strict=True):
            seen = measure(target, array, turn=done)
            before = running.get(target.name)
            running[target.name] = seen if before is None else combine(before, seen)
        done += 1
        if on_progress is not None:
            on_progress(done)
    if not done:
        raise UsageError("calibration needs at least one photo, none was given")
    return Observations(running, done)


def open_with_outputs(model: ir.Model, values: list[ir.Value]) -> onnxruntime.InferenceSession:
    """Opens the graph in onnxruntime, giving exactly `values` as outputs, in that order."""
    proto = ir.to_proto(model)
    del proto.graph.output[:]
    proto.graph.output.extend(ir.to_proto(value) for value in values)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def measure(target: Target, array: NDArray[np.float32], *, turn: int = 0) -> TensorStatistics:
    """Statistics of one tensor for one input; `turn` moves the sample along.

    Raises:
        RefusedError: NaN or infinity among the values.
    """
    lows, highs = _channel_extremes(array)
    low, high = float(lows.min()), float(highs.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RefusedError(
            f"tensor {target.name} holds NaN or infinity on a calibration photo (extremes {low}, "
            f"{high}); such a net cannot be quantized, check its weights and preprocessing"
        )
    counted = histogram(_sample(array, turn), low, high)
    return TensorStatistics(
        low, high, lows, highs, counted, array.size, target.bounds, target.is_output
    )


def combine(one: TensorStatistics, other: TensorStatistics) -> TensorStatistics:
    """Statistics of both sets of inputs to the same tensor."""
    return TensorStatistics(
        min(one.minimum, other.minimum),
        max(one.maximum, other.maximum),
        np.minimum(one.channel_minimum, other.channel_minimum),
        np.maximum(one.channel_maximum, other.channel_maximum),
        merge(one.histogram, other.histogram),
        one.elements,
        one.bounds,
        one.is_output,
    )


def _channel_extremes(array: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lowest and highest value of each channel (axis 1); NaN wins over any number."""
    if array.ndim < 3:
        flat = array.reshape(array.shape[0], -1) if array.ndim else array.reshape(1, 1)
        return flat.min(axis=0), flat.max(axis=0)
    rows = array.reshape(array.shape[0], array.shape[1], -1)
    return rows.min(axis=2).min(axis=0), rows.max(axis=2).max(axis=0)


def _sample(array: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    """At most SAMPLE values, evenly spread; the step shares no factor with the row's length."""
    flat = array.reshape(-1)
    if flat.size <= SAMPLE:
        return flat
    step = -(-flat.size // SAMPLE)
    while math.gcd(step, array.shape[-1]) != 1:
        step += 1
    return flat[turn % step :: step]


def _check_shape(batch: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if batch.shape != shape or batch.dtype != np.float32:
        raise UsageError(
            f"a calibration input has shape {batch.shape} of {batch.dtype}, "
            f"the graph takes {shape} of float32"
        )
