"""Weights in fewer bits for a program that computes in float: three passes over a float program.

    float16           constant (float16) -> DEQUANTIZE -> operator
    weight-only int8  weight (int8)      -> DEQUANTIZE -> operator
    dynamic int8      weight (int8)      -> operator; its kernel quantizes what it reads, every run

int8 weights are the integers of the int8 plan. Engines widen a constant's DEQUANTIZE once, when
they load the file. Biases stay float32, but for float16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgeconv.export.tflite.program import (
    Operator,
    Program,
    Quantization,
    Tensor,
    computed,
    constant,
)
from edgeconv.export.tflite.schema import schema
from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.quantize.plan.affine import quantize, symmetric
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.stored import fits_float16, row_scales


def in_float16(program: Program) -> Program:
    """Every float32 constant of more than one value as float16, where that can hold it."""

    def stored(tensor: Tensor) -> Tensor | None:
        if tensor.data is None or tensor.dtype != np.float32 or tensor.data.size < 2:
            return None
        if not fits_float16(tensor.data):
            return None
        return constant(f"{tensor.name}/float16", tensor.data.astype(np.float16))

    return _widened(program, lambda _operator, _index, tensor: stored(tensor))


def with_int8_weights(program: Program, plan: Plan) -> Program:
    """The weights of layers as int8, widened when the file is loaded.

    Args:
        program: float, on the reals that the plan's integer weights stand for.
        plan: whose scales the weights take.
    """

    def stored(operator: Operator, index: int, tensor: Tensor) -> Tensor | None:
        layer = builtin(operator.code).layer
        if layer is None or index != layer.weight or tensor.dtype != np.float32:
            return None
        return _quantized(tensor, layer.axis, f"{tensor.name}/int8", plan)

    return _widened(program, stored)


def with_dynamic_int8(program: Program, plan: Plan) -> Program:
    """The weights of layers as int8, multiplied as such; of TRANSPOSE_CONV widened.

    Arguments as `with_int8_weights`.
    """
    shared: dict[Tensor, Tensor] = {}

    def rewritten(operator: Operator) -> Operator:
        row = builtin(operator.code)
        if row.layer is None or "int8 weights" not in dict(row.versions):
            return operator
        inputs = list(operator.inputs)
        weight, axis = inputs[row.layer.weight], row.layer.axis
        if weight is None or weight.data is None or weight.dtype != np.float32:
            return operator
        if weight not in shared:
            shared[weight] = _quantized(weight, axis, weight.name, plan)
        inputs[row.layer.weight] = shared[weight]
        return replace(operator, inputs=tuple(inputs))

    changed = replace(program, operators=tuple(map(rewritten, program.operators)))
    return with_int8_weights(changed, plan)


def _quantized(tensor: Tensor, axis: int, name: str, plan: Plan) -> Tensor:
    """A float32 weight as int8, symmetric for each channel along an axis."""
    params = symmetric(_weight_scales(tensor, axis, plan), "int8", axis)
    return constant(name, quantize(tensor.values, params), Quantization.of(params, axis))


def _weight_scales(weight: Tensor, axis: int, plan: Plan) -> NDArray[np.float32]:
    """The plan's for the rows a tensor holds; those its values just fit where it tells no rows."""
    name, _, start = weight.name.partition("/rows_")
    planned, first = plan.constants.get(name), int(start) if start.isdigit() else 0
    if planned is not None:
        scales = planned.params.scale[first : first + weight.shape[axis]]
        if len(scales) == weight.shape[axis] and (
            start or len(scales) == planned.params.scale.size
        ):
            return scales
    return row_scales(weight.values, axis)


def _widened(program: Program, stored: Callable[[Operator, int, Tensor], Tensor | None]) -> Program:
    """The program with constants replaced by a DEQUANTIZE of what is stored for them.

    A constant that operators share is stored once; all DEQUANTIZEs stand before everything else.
    """
    widened: dict[Tensor, Tensor] = {}
    conversions: list[Operator] = []
    operators = []
    for operator in program.operators:
        inputs = list(operator.inputs)
        for index, tensor in enumerate(inputs):
            if tensor is None or tensor.data is None or operator.code == "DEQUANTIZE":
                continue
            if tensor not in widened:
                found = stored(operator, index, tensor)
                if found is None:
                    continue
                result = computed(tensor.name, tensor.shape, np.float32)
                options = schema.DequantizeOptionsT()
                conversions.append(Operator("DEQUANTIZE", (found,), (result,), options))
                widened[tensor] = result
            inputs[index] = widened[tensor]
        operators.append(replace(operator, inputs=tuple(inputs)))
    return replace(program, operators=(*conversions, *operators))
