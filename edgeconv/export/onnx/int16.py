"""16-bit activations in QDQ form.

ONNX quantizes to int16 since opset 21, so the hub graph goes there first. onnxruntime has no 16-bit
kernels: it computes such a file in float between its roundings. The file is for runtimes that have
some, and shows what 16 bits do to a net. Biases stay float32, except where onnxruntime would round
one to int32 in steps of input scale x weight scale (`WeightBiasQuantization`, by default) that are
too small for 32 bits to hold it: those of a layer with such a row are int32 on a grid of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import version_converter
from onnx_ir.passes import common

from edgeconv.errors import UnsupportedOperator
from edgeconv.export.onnx.clamps import without_implied_clamps
from edgeconv.graph.view import constant_of, name_of
from edgeconv.quantize.plan.affine import quantize, symmetric
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.plan.weights import Layer, layer_of

OPSET = 21
#: Largest bias, in steps, that is left to a runtime to round: half of what 32 bits hold.
_MOST_STEPS = 2.0**30


def with_int16_activations(model: ir.Model, plan: Plan) -> ir.Model:
    """A copy of a graph under a 16-bit plan (`quantize.int16.int16_plan`).

    Raises:
        UnsupportedOperator: an operator that opset 21 has no form of.
        PlanRefused: the plan does not fit the graph.
    """
    try:
        proto = version_converter.convert_version(ir.to_proto(model), OPSET)
    except (RuntimeError, onnx.checker.ValidationError) as error:
        raise UnsupportedOperator(
            f"the graph cannot be written at opset {OPSET}, which int16 needs: "
            f"{next(iter(str(error).splitlines()), '')}; leave int16x8 to TFLite (--format tflite)"
        ) from error
    converted = ir.from_proto(proto)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(converted)
    held = _with_held_biases(converted, plan)
    return insert_qdq(without_implied_clamps(converted, held), held)


def _with_held_biases(model: ir.Model, plan: Plan) -> Plan:
    """The plan with int32 biases of the layers whose scales' product cannot hold one."""
    held = {}
    for node in model.graph:
        layer = layer_of(node)
        bias = None if layer is None else constant_of(layer.bias)
        if layer is None or layer.bias is None or bias is None or not _overflows(layer, bias, plan):
            continue
        reach = np.maximum(np.abs(bias.reshape(-1)).astype(np.float64), np.finfo(np.float32).tiny)
        scale = (reach / _MOST_STEPS).astype(np.float32)
        params = symmetric(scale, "int32", 0)
        values = quantize(bias.reshape(-1), params)
        held[name_of(layer.bias)] = QuantizedConstant(params, values.reshape(bias.shape))
    return Plan(plan.activations, {**plan.constants, **held}, plan.requantize, plan.islands)


def _overflows(layer: Layer, bias: NDArray[Any], plan: Plan) -> bool:
    weight = plan.constants.get(name_of(layer.weight))
    source = plan.activations.get(name_of(layer.source))
    if weight is None or source is None:
        return False
    step = float(source.scale) * weight.params.scale.astype(np.float64)
    return bool((np.abs(bias.reshape(-1)) > _MOST_STEPS * step).any())
