"""16-bit activations in QDQ form.

ONNX quantizes to int16 since opset 21, so the hub graph goes there first. onnxruntime has no 16-bit
kernels: it computes such a file in float between its roundings. The file is for runtimes that have
some, and shows what 16 bits do to a net. Biases stay float32.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx import version_converter
from onnx_ir.passes import common

from edgeconv.errors import UnsupportedOperator
from edgeconv.export.onnx_writer_qdq import insert_qdq
from edgeconv.quantize.plan import Plan

OPSET = 21


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
    return insert_qdq(converted, plan)
