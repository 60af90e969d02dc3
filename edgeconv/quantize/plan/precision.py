"""The precisions a net can be exported in beside float32, and what engines make of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

PrecisionName = Literal["int8", "float16", "weight-only-int8", "dynamic-int8", "int16x8"]
PRECISION_NAMES: tuple[PrecisionName, ...] = get_args(PrecisionName)


@dataclass(frozen=True)
class Precision:
    """What stands in the files of a precision, and how they run.

    Attributes:
        name: as the user asks for it, and as files are called: `model.NAME.tflite`.
        stores: weights and activations, in words.
        computes: by format, what the engine tried really computes; measured, see docs/engines.md.
    """

    name: PrecisionName
    stores: str
    computes: Mapping[str, str]


def _precision(name: PrecisionName, stores: str, *, onnx: str, tflite: str) -> Precision:
    return Precision(name, stores, MappingProxyType({"onnx": onnx, "tflite": tflite}))


PRECISIONS: Mapping[PrecisionName, Precision] = MappingProxyType(
    {
        found.name: found
        for found in (
            _precision(
                "int8",
                "int8 weights and activations",
                onnx="integers, but for operators that onnxruntime has no int8 kernel of",
                tflite="integers, but for operators that LiteRT has no int8 kernel of",
            ),
            _precision(
                "float16",
                "float16 constants, float32 activations",
                onnx="float32: onnxruntime widens the constants when it loads the file",
                tflite="float32: LiteRT widens the constants when it loads the file; a GPU, and "
                "XNNPACK on ARMv8.2 where the net's values fit, compute in float16",
            ),
            _precision(
                "weight-only-int8",
                "int8 weights, float32 activations",
                onnx="float32: onnxruntime widens the weights anew in every run",
                tflite="float32: LiteRT widens the weights when it loads the file",
            ),
            _precision(
                "dynamic-int8",
                "int8 weights, float32 activations quantized in every run",
                onnx="products in integers, everything between them in float32",
                tflite="products in integers, everything between them in float32",
            ),
            _precision(
                "int16x8",
                "int8 weights, int16 activations",
                onnx="float32: onnxruntime has no int16 kernels, it rounds between float operators",
                tflite="integers in LiteRT's built-in kernels; XNNPACK has none for int16",
            ),
        )
    }
)
