"""The whole of int8 in one call: repair the graph, observe it, plan it.

    equalize (on a few inputs) -> observe (on all) -> build_plan (ranges, integers, bias correction)

Each step can be switched off, and each is measured on its own by `benchmarks/ranges.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.quantize.equalize import STRENGTH, equalize
from edgeconv.quantize.observe import Observations, Progress, observe
from edgeconv.quantize.plan import Plan
from edgeconv.quantize.planner import PlanConfig, build_plan

#: Inputs that equalization looks at: it reads channel extremes only, which settle early.
FIRST_LOOK = 32

Inputs = Callable[[], Iterable[NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class Quantized:
    """A planned graph.

    Attributes:
        model: the graph the plan is of: the same net with its channels equalized.
        observations: what calibration saw of that graph.
        plan: its quantization.
    """

    model: ir.Model
    observations: Observations
    plan: Plan


def quantize(
    model: ir.Model,
    inputs: Inputs,
    config: PlanConfig | None = None,
    *,
    equalization: float | None = STRENGTH,
    on_progress: Progress | None = None,
) -> Quantized:
    """Plans the int8 form of a hub graph.

    Args:
        model: a hub graph; it is not changed.
        inputs: gives the calibration inputs, float32 (N, 3, H, W), afresh at every call.
        config: how ranges and integers are chosen.
        equalization: strength of `equalize`; None leaves the channels as they are.
        on_progress: called with the number of inputs observed, after each.

    Raises:
        UsageError: there are no inputs, or their shape is not the graph's.
        RefusedError: a weight or an activation is NaN or infinite; names the tensor.
    """
    graph = model
    if equalization is not None:
        graph = equalize(model, observe(model, islice(inputs(), FIRST_LOOK)), equalization)
    observations = observe(graph, inputs(), on_progress=on_progress)
    return Quantized(graph, observations, build_plan(graph, observations, config or PlanConfig()))
