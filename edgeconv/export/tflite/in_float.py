"""Operators of an int8 program that are faster in float are written between integers.

    x (int8) -> HARD_SWISH -> y (int8)
    x (int8) -> DEQUANTIZE -> HARD_SWISH -> QUANTIZE -> y (int8)

Which they are stands in their rows (`faster_in_float`). XNNPACK has no int8 kernel for them, so the
upper form leaves the delegate for a kernel of LiteRT's own. Of the lower one it makes a single
operator that looks each integer up, where one tensor is read, and none of the values are ever there
in float. Every operator has a DEQUANTIZE of its own for that. Plans and ONNX files know nothing of
it: the integers before and behind are the same but for the rounding of the int8 kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgeconv.export.tflite.program import Operator, Program, Tensor, computed
from edgeconv.export.tflite.schema import schema
from edgeconv.files.tflite.builtins.table import builtin


def compute_in_float(program: Program) -> Program:
    """The program with each such operator between a DEQUANTIZE and a QUANTIZE."""
    operators = (each for operator in program.operators for each in _spelled(operator))
    return replace(program, operators=tuple(operators))


def _spelled(operator: Operator) -> Iterator[Operator]:
    """The operators that stand for one; a constant's DEQUANTIZE runs once, at loading."""
    target = operator.outputs[0]
    if not (builtin(operator.code).faster_in_float and target.is_int8):
        yield operator
        return
    inputs: list[Tensor | None] = []
    for place, tensor in enumerate(operator.inputs):
        if tensor is not None and tensor.is_quantized:
            name = f"{target.name}/reals_{place}"
            real = computed(name, tensor.shape, np.float32)
            yield Operator("DEQUANTIZE", (tensor,), (real,), schema.DequantizeOptionsT())
            tensor = real
        inputs.append(tensor)
    result = computed(f"{target.name}/reals", target.shape, np.float32)
    yield Operator(operator.code, tuple(inputs), (result,), operator.options)
    yield Operator("QUANTIZE", (result,), (target,), schema.QuantizeOptionsT())
