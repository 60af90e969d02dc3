"""One operator of the plan: what its integers mean on the way in and on the way out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import PlanRefused
from edgeconv.graph.fusion import fused_activation, written_output
from edgeconv.graph.view import input_of, name_of
from edgeconv.quantize.plan.affine import INT8
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant, QuantParams
from edgeconv.quantize.plan.rules import seen_by
from edgeconv.quantize.simulate.fixed_point import half_away

Array = NDArray[Any]
#: Integers of a node's computed inputs, in their order, to the integers of its first output.
Kernel = Callable[[Sequence[Array]], Array]


@dataclass(frozen=True, eq=False)
class Step:
    """A node that computes on integers, with all the plan says of it.

    Attributes:
        node: the hub node.
        plan: the plan.
    """

    node: ir.Node
    plan: Plan

    def seen(self, index: int) -> QuantParams:
        """Parameters with which the node sees its input, a constant's own for a constant."""
        if self.is_constant(index):
            return self.constant(index).params
        return seen_by(self.plan, self.node, index)

    def constant(self, index: int) -> QuantizedConstant:
        """Integers of an initializer the node reads."""
        name = name_of(input_of(self.node, index))
        if name not in self.plan.constants:
            raise PlanRefused(f"the plan has no integers for {name}")
        return self.plan.constants[name]

    def is_constant(self, index: int) -> bool:
        """Whether an input is an initializer."""
        return input_of(self.node, index).const_value is not None

    @property
    def output(self) -> QuantParams:
        """Parameters of what the node writes, past an activation it absorbs."""
        name = name_of(written_output(self.node))
        if name not in self.plan.activations:
            raise PlanRefused(f"the plan has no parameters for tensor {name}")
        return self.plan.activations[name]

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest integer of the output: the type's, or the absorbed activation's."""
        fused = fused_activation(self.node)
        return INT8 if fused is None else clamp_integers(fused.bounds, self.output)


def clamp_integers(bounds: tuple[float, float], of: QuantParams) -> tuple[int, int]:
    """The integers of a clamp's bounds within int8 (TFLite's CalculateActivationRange)."""
    low, high = (
        int(half_away(bound / float(of.scale))) + int(of.zero_point)
        if math.isfinite(bound)
        else limit
        for bound, limit in zip(bounds, INT8, strict=True)
    )
    return min(max(low, INT8[0]), INT8[1]), max(min(high, INT8[1]), INT8[0])


def scale_of(params: QuantParams) -> np.float32:
    """A per-tensor scale as the file stores it."""
    return np.float32(params.scale)


def centred(integers: Array, params: QuantParams) -> Array:
    """Integers less their zero point, int64."""
    moved: Array = integers.astype(np.int64) - int(params.zero_point)
    return moved
