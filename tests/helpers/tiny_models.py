"""One tiny net in four files, each written with the format's own schema, none with edgeconv.

The net is a 4 x 4 convolution over a 4 x 4 photo, so NumPy computes its logits in one einsum:

    (1, 3, 4, 4) -> Conv 4x4 -> Flatten -> logits (1, 5)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5
SIZE = 4
OPSET = 17
IR_VERSION = 8


def photos(count: int, seed: int = 1) -> NDArray[np.float32]:
    """Normalized photos, float32 (count, 3, 4, 4), clipped to the range the int8 files take."""
    drawn = np.random.default_rng(seed).standard_normal((count, 3, SIZE, SIZE))
    return np.clip(drawn, -3, 3).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TinyNet:
    """Weights and quantization of the net; `weights` is OIHW (5, 3, 4, 4)."""

    weights: NDArray[np.float32] = field(
        default_factory=lambda: (
            np.random.default_rng(0).standard_normal((CLASSES, 3, SIZE, SIZE)).astype(np.float32)
        )
    )
    bias: NDArray[np.float32] = field(
        default_factory=lambda: np.linspace(-1, 1, CLASSES).astype(np.float32)
    )
    input_scale: float = 3.2 / 127
    input_zero_point: int = -3
    output_scale: float = 30 / 127
    output_zero_point: int = 4

    def logits(self, normalized: NDArray[np.float32]) -> NDArray[np.float32]:
        """The float net in NumPy, in double precision."""
        exact = np.einsum("nchw,ochw->no", normalized.astype(np.float64), self.weights)
        return (exact + self.bias).astype(np.float32)

    @property
    def weight_scale(self) -> NDArray[np.float32]:
        """Per output channel, (5,)."""
        return (np.abs(self.weights).max(axis=(1, 2, 3)) / 127).astype(np.float32)

    @property
    def int8_weights(self) -> NDArray[np.int8]:
        return np.rint(self.weights / self.weight_scale[:, None, None, None]).astype(np.int8)

    @property
    def int32_bias(self) -> NDArray[np.int32]:
        scale = np.float32(self.input_scale) * self.weight_scale
        return np.rint(self.bias / scale).astype(np.int32)

    def write_all(self, directory: Path) -> dict[str, Path]:
        """All four artifacts under their names in a bundle."""
        return {
            "onnx": self.float_onnx(directory / "model.onnx"),
            "tflite": self.float_tflite(directory / "model.tflite"),
            "int8.onnx": self.int8_onnx(directory / "model.int8.onnx"),
            "int8.tflite": self.int8_tflite(directory / "model.int8.tflite"),
        }

    def float_onnx(self, path: Path, batch: int | str = 1) -> Path:
        nodes = [
            helper.make_node("Conv", ["input", "w", "b"], ["conv"]),
            helper.make_node("Flatten", ["conv"], ["logits"]),
        ]
        return _save_onnx(path, nodes, {"w": self.weights, "b": self.bias}, batch)

    def int8_onnx(self, path: Path) -> Path:
        """QDQ, float32 at both ends."""
        constants = {
            "x_scale": np.float32(self.input_scale),
            "x_zero": np.int8(self.input_zero_point),
            "w": self.int8_weights,
            "w_scale": self.weight_scale,
            "w_zero": np.zeros(CLASSES, np.int8),
            "b": self.int32_bias,
            "b_scale": np.float32(self.input_scale) * self.weight_scale,
            "b_zero": np.zeros(CLASSES, np.int32),
            "y_scale": np.float32(self.output_scale),
            "y_zero": np.int8(self.output_zero_point),
        }
        nodes = [
            helper.make_node("QuantizeLinear", ["input", "x_scale", "x_zero"], ["x_q"]),
            helper.make_node("DequantizeLinear", ["x_q", "x_scale", "x_zero"], ["x_dq"]),
            helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["w_dq"], axis=0),
            helper.make_node("DequantizeLinear", ["b", "b_scale", "b_zero"], ["b_dq"], axis=0),
            helper.make_node("Conv", ["x_dq", "w_dq", "b_dq"], ["conv"]),
            helper.make_node("QuantizeLinear", ["conv", "y_scale", "y_zero"], ["y_q"]),
            helper.make_node("DequantizeLinear", ["y_q", "y_scale", "y_zero"], ["y_dq"]),
            helper.make_node("Flatten", ["y_dq"], ["logits"]),
        ]
        return _save_onnx(path, nodes, constants, 1)

    def float_tflite(self, path: Path, signature: bool = True) -> Path:
        weights = np.ascontiguousarray(self.weights.transpose(0, 2, 3, 1))
        return _save_tflite(path, weights, self.bias, {}, signature)

    def int8_tflite(self, path: Path) -> Path:
        weights = np.ascontiguousarray(self.int8_weights.transpose(0, 2, 3, 1))
        zeros = [0] * CLASSES
        output = _quantization([self.output_scale], [self.output_zero_point])
        quantization = {
            "input": _quantization([self.input_scale], [self.input_zero_point]),
            "w": _quantization(list(self.weight_scale), zeros),
            "b": _quantization(list(np.float32(self.input_scale) * self.weight_scale), zeros),
            "conv": output,
            "logits": output,
        }
        return _save_tflite(path, weights, self.int32_bias, quantization, True)


def _save_onnx(path: Path, nodes: list[Any], constants: dict[str, Any], batch: int | str) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, CLASSES])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}


def _quantization(scale: list[float], zero_point: list[int]) -> Any:
    return schema.QuantizationParametersT(
        scale=[float(s) for s in scale], zeroPoint=zero_point, quantizedDimension=0
    )


def _save_tflite(
    path: Path,
    weights: NDArray[Any],
    bias: NDArray[Any],
    quantization: dict[str, Any],
    signature: bool,
) -> Path:
    buffers = [schema.BufferT()]
    tensors = []

    def tensor(name: str, shape: list[int], dtype: np.dtype[Any], data: Any = None) -> int:
        buffer = 0
        if data is not None:
            buffer = len(buffers)
            buffers.append(schema.BufferT(data=np.frombuffer(data.tobytes(), np.uint8)))
        parameters = quantization.get(name)
        made = schema.TensorT(
            shape=shape, type=_TYPES[dtype], buffer=buffer, name=name, quantization=parameters
        )
        tensors.append(made)
        return len(tensors) - 1

    shape = np.array([1, CLASSES], np.int32)
    x = tensor("input", [1, SIZE, SIZE, 3], weights.dtype)
    w = tensor("w", list(weights.shape), weights.dtype, weights)
    b = tensor("b", [CLASSES], bias.dtype, bias)
    conv = tensor("conv", [1, 1, 1, CLASSES], weights.dtype)
    s = tensor("shape", [2], shape.dtype, shape)
    y = tensor("logits", [1, CLASSES], weights.dtype)
    operators = [
        schema.OperatorT(
            opcodeIndex=0,
            inputs=[x, w, b],
            outputs=[conv],
            builtinOptionsType=schema.BuiltinOptions.Conv2DOptions,
            builtinOptions=schema.Conv2DOptionsT(
                padding=schema.Padding.VALID, strideW=1, strideH=1
            ),
        ),
        schema.OperatorT(
            opcodeIndex=1,
            inputs=[conv, s],
            outputs=[y],
            builtinOptionsType=schema.BuiltinOptions.ReshapeOptions,
            builtinOptions=schema.ReshapeOptionsT(newShape=[1, CLASSES]),
        ),
    ]
    codes = [(schema.BuiltinOperator.CONV_2D, 3), (schema.BuiltinOperator.RESHAPE, 1)]
    signatures = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT("photo", x)],
            outputs=[schema.TensorMapT("scores", y)],
            signatureKey="serving_default",
        )
    ]
    model = schema.ModelT(
        version=3,
        operatorCodes=[
            schema.OperatorCodeT(deprecatedBuiltinCode=c, builtinCode=c, version=v)
            for c, v in codes
        ],
        subgraphs=[schema.SubGraphT(tensors=tensors, inputs=[x], outputs=[y], operators=operators)],
        buffers=buffers,
        signatureDefs=signatures if signature else [],
    )
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
