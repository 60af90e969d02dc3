"""A float program with 16-bit activations and 8-bit weights.

Operators with a 16-bit kernel compute on integers, all others in float between a DEQUANTIZE and a
QUANTIZE. Activations are symmetric, so padding stays zero; activations fused into an operator stay
so. Operators that only move integers have one scale, with a QUANTIZE before them where the plan
says otherwise. The ends are float32. XNNPACK has no 16-bit kernels: LiteRT's built-in ones run.

    CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED: int16 input, int8 weight, int64 bias, int16 output
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np

from edgeconv.export.tflite.program import (
    Operator,
    Program,
    Quantization,
    Tensor,
    computed,
    constant,
)
from edgeconv.export.tflite.schema import schema
from edgeconv.export.tflite.stored_weights import WEIGHTS, integers_of, symmetric, weight_scales
from edgeconv.quantize.plan.parameters import Plan

_LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
#: Operators whose kernels rescale.
_RESCALING = frozenset({"ADD", "LOGISTIC", "MEAN", "MUL", "SUB", "TANH"})
#: Operators that copy, compare or average integers.
_MOVING = frozenset(
    {
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "MAX_POOL_2D",
        "PAD",
        "RESHAPE",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "SLICE",
        "SPLIT",
        "STRIDED_SLICE",
        "TRANSPOSE",
    }
)


def with_int16_activations(program: Program, plan: Plan) -> Program:
    """The program under a 16-bit plan.

    Args:
        program: float, of the graph the plan is of, on the reals its integer weights stand for.
        plan: of `quantize.int16.int16_plan`; tensors are found by name.
    """
    writer = _Writer(plan, frozenset(tensor for _, tensor in program.outputs))
    for operator in program.operators:
        writer.take(operator)
    outputs = tuple((name, writer.in_float(tensor)) for name, tensor in program.outputs)
    return replace(program, operators=tuple(writer.operators), outputs=outputs)


class _Writer:
    """The program so far; knows of each float tensor what holds it now."""

    def __init__(self, plan: Plan, outputs: frozenset[Tensor]) -> None:
        self.operators: list[Operator] = []
        self._outputs = outputs  # float32 under their own names
        self._plan = plan
        self._integers: dict[Tensor, Tensor] = {}
        self._floats: dict[Tensor, Tensor] = {}
        self._rescaled: dict[tuple[Tensor, bytes], Tensor] = {}

    def take(self, operator: Operator) -> None:
        """Writes an operator, on integers where it has a kernel and parameters for that."""
        scales = self._output_scales(operator)
        if scales is None:
            inputs = [None if t is None else self.in_float(t) for t in operator.inputs]
            self.operators.append(replace(operator, inputs=tuple(inputs)))
            return
        outputs = []
        for tensor, scale in zip(operator.outputs, scales, strict=True):
            name = f"{tensor.name}/int16" if tensor in self._outputs else tensor.name
            made = computed(name, tensor.shape, np.int16, scale)
            self._integers[tensor] = made
            outputs.append(made)
        if operator.code in _LAYERS:
            inputs = self._layer_inputs(operator)
        else:
            target = scales[0] if operator.code in _MOVING else None
            inputs = [self._operand(t, target) for t in operator.inputs]
        options = operator.options
        if operator.code in ("ADD", "SUB"):
            options = copy(options)
            options.potScaleInt16 = False
        self.operators.append(Operator(operator.code, tuple(inputs), tuple(outputs), options))

    def in_float(self, tensor: Tensor) -> Tensor:
        """The tensor as float32; constants, and what an operator wrote in float, as they are."""
        if tensor not in self._integers or tensor.data is not None:
            return self._floats.get(tensor, tensor)
        if tensor not in self._floats:
            source = self._integers[tensor]
            name = tensor.name if tensor in self._outputs else f"{tensor.name}/float"
            result = computed(name, tensor.shape, np.float32)
            options = schema.DequantizeOptionsT()
            self.operators.append(Operator("DEQUANTIZE", (source,), (result,), options))
            self._floats[tensor] = result
        return self._floats[tensor]

    def _scale_of(self, tensor: Tensor) -> Quantization | None:
        """A tensor's parameters: the hub tensor's of that name, or what its integers have."""
        if tensor in self._integers:
            return self._integers[tensor].quantization
        params = self._plan.activations.get(tensor.name)
        return None if params is None else Quantization.of(params)

    def _output_scales(self, operator: Operator) -> list[Quantization] | None:
        """Parameters of what an operator writes; None where it computes in float."""
        code = operator.code
        if code not in _LAYERS | _RESCALING | _MOVING:
            return None
        read = [t for t in operator.inputs if t is not None and t.dtype == np.float32]
        computed_ones = [t for t in read if t.data is None]
        if any(self._scale_of(t) is None for t in computed_ones) or not computed_ones:
            return None
        if code in _LAYERS and read[1].data is None:
            return None
        inherited = self._scale_of(computed_ones[0]) if code in _MOVING else None
        scales = []
        for tensor in operator.outputs:
            found = self._scale_of(tensor) or inherited
            if found is None:
                return None
            scales.append(found)
        return scales

    def _operand(self, tensor: Tensor | None, target: Quantization | None) -> Tensor | None:
        """An input as int16: of its own scale, or of `target`."""
        if tensor is None or tensor.dtype != np.float32:
            return tensor
        if tensor.data is not None:
            reach = float(np.abs(tensor.data).max(initial=0.0)) or 1.0
            scale = target or Quantization.per_tensor(reach / 32767, 0)
            steps = np.rint(tensor.data / np.float64(scale.scale[0]))
            values = np.clip(steps, -32768, 32767).astype(np.int16)
            return constant(tensor.name, values, scale)
        held = self._int16(tensor)
        assert held.quantization is not None
        if target is None or held.quantization.equals(target):
            return held
        key = (held, target.scale.tobytes())
        if key not in self._rescaled:
            self._rescaled[key] = self._quantize(held, target, f"{tensor.name}/requantized")
        return self._rescaled[key]

    def _int16(self, tensor: Tensor) -> Tensor:
        """The tensor's integers, quantized once where an operator wrote it in float."""
        if tensor not in self._integers:
            scale = self._scale_of(tensor)
            assert scale is not None
            made = self._quantize(tensor, scale, f"{tensor.name}/int16")
            self._floats[tensor] = tensor
            self._integers[tensor] = made
        return self._integers[tensor]

    def _quantize(self, source: Tensor, to: Quantization, name: str) -> Tensor:
        result = computed(name, source.shape, np.int16, to)
        self.operators.append(Operator("QUANTIZE", (source,), (result,), schema.QuantizeOptionsT()))
        return result

    def _layer_inputs(self, operator: Operator) -> list[Tensor | None]:
        x, weight, *rest = operator.inputs
        assert x is not None
        assert weight is not None
        assert weight.data is not None
        source, axis = self._int16(x), WEIGHTS[operator.code][1]
        scales = weight_scales(weight, axis, self._plan)
        integers = integers_of(weight.data, scales, axis)
        inputs: list[Tensor | None] = [
            source,
            constant(weight.name, integers, symmetric(scales, axis)),
        ]
        for bias in rest:
            if bias is None or bias.data is None:
                inputs.append(bias)
                continue
            steps = np.float32(source.scale) * scales
            values = np.rint(bias.data.astype(np.float64) / steps).astype(np.int64)
            inputs.append(constant(bias.name, values, symmetric(steps, 0)))
        return inputs
