"""The layers of a TFLite file: its operators that have weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import TfliteOperator, TfliteTensor


@dataclass(frozen=True, eq=False)
class TfliteLayer:
    """An operator with weights.

    Attributes:
        code: TFLite's name of it.
        source: the activations it reads.
        weight: its weights.
        bias: None where it has none.
        axis: of the output channels in the weights.
        output: what it writes.
    """

    code: str
    source: TfliteTensor
    weight: TfliteTensor
    bias: TfliteTensor | None
    axis: int
    output: TfliteTensor

    @property
    def is_int8(self) -> bool:
        """Whether its weights are int8."""
        return self.weight.dtype == np.int8


def layer_of(operator: TfliteOperator) -> TfliteLayer | None:
    """An operator as a layer, None where it is none, or lacks what a layer has."""
    at = builtin(operator.code).layer
    if at is None or len(operator.inputs) <= max(at.source, at.weight) or not operator.outputs:
        return None
    source, weight = operator.inputs[at.source], operator.inputs[at.weight]
    if source is None or weight is None:
        return None
    bias = operator.inputs[at.bias] if len(operator.inputs) > at.bias else None
    return TfliteLayer(operator.code, source, weight, bias, at.axis, operator.outputs[0])
