"""Reads the operators of an ONNX file of any tool; shapes are inferred where it states none."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError
from onnx import shape_inference

from edgeconv.errors import ArtifactRefused
from edgeconv.verify.operations import End, ModelOperations, Operation, elements

_QUANTIZE = frozenset({"QuantizeLinear", "DequantizeLinear"})
_CLAMPS = frozenset({"Relu", "Clip"})
#: onnxruntime's and ONNX's own integer operators: int8 without any quantize node around them.
_INTEGER = ("QLinear", "ConvInteger", "MatMulInteger", "QGemm")


def read_onnx(path: Path) -> ModelOperations:
    """The operators of a file's main graph; Constant nodes do not count.

    Raises:
        ArtifactRefused: it is no ONNX file.
    """
    try:
        loaded = onnx.load(path, load_external_data=False)
        if not loaded.HasField("graph"):
            raise ArtifactRefused(f"{path} is no ONNX file: it holds no graph")
        proto = shape_inference.infer_shapes(loaded)
        graph = ir.from_proto(proto).graph
    except (DecodeError, ValueError, TypeError, onnx.shape_inference.InferenceError) as error:
        raise ArtifactRefused(f"{path} is no ONNX file: {error}") from error
    operations = tuple(
        _operation(node)
        for node in graph
        if node.op_type not in _QUANTIZE and node.op_type != "Constant"
    )
    return ModelOperations(
        format="onnx",
        bytes=path.stat().st_size,
        inputs=tuple(_end(v) for v in graph.inputs if not v.is_initializer()),
        outputs=tuple(_end(v) for v in graph.outputs),
        operations=operations,
    )


def _operation(node: ir.Node) -> Operation:
    return Operation(
        type=node.op_type,
        name=node.name or str(node.outputs[0].name),
        multiply_adds=_multiply_adds(node),
        parameters=sum(
            elements(_shape(constant))
            for constant in map(_constant, node.inputs)
            if constant is not None and constant.dtype != ir.DataType.INT64
        ),
        output_elements=sum(elements(_shape(v)) for v in node.outputs),
        is_int8=node.op_type.startswith(_INTEGER) or _between_quantizers(node),
    )


def _multiply_adds(node: ir.Node) -> int:
    shapes = [_shape(value) for value in node.inputs]
    output = elements(_shape(node.outputs[0]))
    if node.op_type == "QLinearConv":
        return output * elements(shapes[3][1:])
    if node.op_type in ("Conv", "ConvInteger"):
        return output * elements(shapes[1][1:])
    if node.op_type == "ConvTranspose":
        return elements(shapes[0]) * elements(shapes[1][1:])
    if node.op_type in ("MatMul", "MatMulInteger", "QLinearMatMul"):
        return output * elements(shapes[0][-1:])
    if node.op_type == "Gemm":
        transposed = node.attributes.get("transB")
        side = 1 if transposed is not None and transposed.as_int() else 0
        return output * elements(shapes[1][side : side + 1])
    return 0


def _between_quantizers(node: ir.Node) -> bool:
    """Whether every activation comes from a dequantize node and goes into quantize nodes only."""
    activations = [v for v in node.inputs if v is not None and _constant(v) is None]
    if not activations or not all(_made_by(v, "DequantizeLinear") for v in activations):
        return False
    readers = [use.node for v in node.outputs for use in v.uses()]
    if len(readers) == 1 and readers[0].op_type in _CLAMPS:
        readers = [use.node for use in readers[0].outputs[0].uses()]
    return bool(readers) and all(reader.op_type == "QuantizeLinear" for reader in readers)


def _made_by(value: ir.Value, op_type: str) -> bool:
    producer = value.producer()
    return producer is not None and producer.op_type == op_type


def _constant(value: ir.Value | None) -> ir.Value | None:
    """The initializer a value is, directly or through a dequantize node; None where computed."""
    if value is None or value.is_initializer():
        return value
    producer = value.producer()
    if producer is None:
        return None
    if producer.op_type == "Constant":
        return value
    if producer.op_type == "DequantizeLinear":
        return _constant(producer.inputs[0])
    return None


def _shape(value: ir.Value | None) -> tuple[int | None, ...]:
    if value is None or value.shape is None:
        return ()
    return tuple(d if isinstance(d, int) else None for d in value.shape)


def _end(value: ir.Value) -> End:
    dtype = value.dtype.name.lower() if value.dtype is not None else "unknown"
    return End(str(value.name), _shape(value), dtype)
