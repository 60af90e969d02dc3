"""Bias correction by measuring: what the int8 net's channels miss of the float net's, on average.

`bias` computes the mean error of integer weights. What activations add (rounding, clamped outliers,
errors handed on from layer to layer) has a mean, too, which only running the int8 net tells. So the
net is run to its last layer, rounded to the plan's grids, and the mean error of every channel there
is taken out of that layer's bias (Nagel et al. 2019, section 4.2, do so layer by layer; that gains
less: docs/decisions/weights-and-biases.md).

Behind a clamp the bias moves only values that the clamp lets through, so the error is divided by
their share. A mean over few photos is itself uncertain, and a single photo with clamped outliers
can make up most of it; so the mean leaves out the extreme photos of each channel and shrinks by its
own standard error (James and Stein 1961, positive part).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.fusion import fused_activation, written_output
from edgeconv.graph.qdq_names import before_rounding
from edgeconv.graph.view import input_names, name_of
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.observe.statistics import by_channel
from edgeconv.quantize.plan.affine import dequantize, quantize
from edgeconv.quantize.plan.columns import multiplying_layers
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.plan.weights import Layer
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import in_threads

#: One in so many photos is left out at either end.
TRIMMED = 8
#: A channel that a clamp nearly always holds is corrected as if this share of values passed.
LEAST_PASSING = 0.1


def correct_measured(model: ir.Model, plan: Plan, inputs: Iterable[Batch]) -> Plan:
    """The plan with the biases of the layer before the outputs corrected.

    Args:
        model: the hub graph the plan is of.
        plan: a finished plan.
        inputs: calibration inputs, float32 (N, 3, H, W); some dozens are enough.

    Raises:
        UsageError: fewer than two inputs.
    """
    photos = list(inputs)
    if len(photos) < 2:
        raise UsageError(f"measured bias correction needs two photos or more, got {len(photos)}")
    layer = _last_layer(model, plan)
    if layer is None or layer.bias is None:
        return plan
    name = name_of(layer.bias)
    shift = _missing(layer, model, plan, photos)
    before = plan.constants[name]
    reals = dequantize(before.values, before.params).astype(np.float64)
    after = quantize(reals + shift.reshape(reals.shape), before.params)
    constants = {**plan.constants, name: QuantizedConstant(before.params, after)}
    return replace(plan, constants=constants)


def _last_layer(model: ir.Model, plan: Plan) -> Layer | None:
    """The last one that has an integer bias."""
    layers = [
        layer
        for layer in multiplying_layers(model)
        if layer.bias is not None
        and name_of(layer.bias) in plan.constants
        and layer.node.name not in plan.islands
    ]
    return layers[-1] if layers else None


def _missing(
    layer: Layer, model: ir.Model, plan: Plan, photos: Sequence[Batch]
) -> NDArray[np.float64]:
    """What the layer's bias lacks, (channels,)."""
    output, sources = name_of(written_output(layer.node)), input_names(model)
    real = _open(model, output)
    rounded = _open(insert_qdq(model, plan), before_rounding(output))
    fused = fused_activation(layer.node)
    low, high = fused.bounds if fused is not None else (-math.inf, math.inf)

    def compare(photo: Batch) -> tuple[NDArray[Any], NDArray[Any]]:
        given = by_name(photo, sources)
        wanted, found = (by_channel(net.run(None, given)[0]) for net in (real, rounded))
        error = (wanted.astype(np.float64) - found).mean(axis=(0, 2))
        return error, ((found > low) & (found < high)).mean(axis=(0, 2))

    errors, passing = zip(*in_threads(compare, photos), strict=True)
    share = np.maximum(np.mean(passing, axis=0), LEAST_PASSING)
    return reliable_mean(np.array(errors) / share)


def reliable_mean(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Mean over the first axis without its extremes, shrunk by its standard error."""
    cut = len(samples) // TRIMMED
    kept = np.sort(samples, axis=0)[cut : len(samples) - cut]
    mean: NDArray[np.float64] = kept.mean(axis=0)
    variance = kept.var(axis=0, ddof=1) / len(kept)
    mean *= np.maximum(0.0, 1.0 - variance / np.maximum(mean**2, 1e-300))
    return mean


def _open(model: ir.Model, output: str) -> onnxruntime.InferenceSession:
    """The graph with the tensor of that name as its only output."""
    return open_graph(model, [v for node in model.graph for v in node.outputs if v.name == output])
