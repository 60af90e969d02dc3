"""Reads the operators of a TFLite file of any tool, by the schema that ai-edge-litert ships."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.litert import check_header
from edgeconv.verify.operations import End, ModelOperations, Operation, elements

#: What the flatbuffer accessors raise where an offset of a damaged file leads astray.
_DAMAGE = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError)

_TYPE_NAMES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if name.isupper()
}
_OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()
}
_INT8 = frozenset({"int8", "uint8"})
#: Operators whose multiply-adds are output values times the weights each of them meets.
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})


def read_tflite(path: Path) -> ModelOperations:
    """The operators of a file's first subgraph.

    Raises:
        ArtifactRefused: it is no TFLite file, or is damaged.
    """
    check_header(path)
    data = path.read_bytes()
    try:
        model = schema.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        tensors = [_end(graph.Tensors(i)) for i in range(graph.TensorsLength())]
        constant = [_is_constant(model, graph.Tensors(i)) for i in range(graph.TensorsLength())]
        operations = tuple(
            _operation(model, graph.Operators(i), tensors, constant)
            for i in range(graph.OperatorsLength())
        )
        return ModelOperations(
            format="tflite",
            bytes=len(data),
            inputs=tuple(tensors[graph.Inputs(i)] for i in range(graph.InputsLength())),
            outputs=tuple(tensors[graph.Outputs(i)] for i in range(graph.OutputsLength())),
            operations=operations,
        )
    except _DAMAGE as error:
        raise ArtifactRefused(f"{path} is damaged: {error}") from error


def _end(tensor: Any) -> End:
    name = tensor.Name() or b""
    return End(
        name=name.decode("utf-8", "replace"),
        shape=tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength())),
        dtype=_TYPE_NAMES.get(tensor.Type(), str(tensor.Type())),
    )


def _is_constant(model: Any, tensor: Any) -> bool:
    buffer = model.Buffers(tensor.Buffer())
    return bool(buffer.DataLength() or buffer.Size())


def _operation(model: Any, operator: Any, tensors: list[End], constant: list[bool]) -> Operation:
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = _OPERATOR_NAMES.get(number, str(number))
    if kind == "CUSTOM":
        kind = (code.CustomCode() or b"CUSTOM").decode("utf-8", "replace")
    inputs = [i for i in map(operator.Inputs, range(operator.InputsLength())) if i >= 0]
    outputs = [operator.Outputs(i) for i in range(operator.OutputsLength())]
    output = tensors[outputs[0]]
    activations = [tensors[i] for i in inputs if not constant[i]] + [tensors[i] for i in outputs]
    return Operation(
        type=kind,
        name=output.name,
        multiply_adds=_multiply_adds(kind, [tensors[i] for i in inputs], output),
        parameters=sum(
            elements(tensors[i].shape)
            for i in inputs
            if constant[i] and (kind in _WEIGHTED or tensors[i].dtype not in ("int32", "int64"))
        ),
        output_elements=sum(elements(tensors[i].shape) for i in outputs),
        is_int8=all(end.dtype in _INT8 for end in activations),
    )


def _multiply_adds(kind: str, inputs: list[End], output: End) -> int:
    """CONV_2D weights are OHWI, DEPTHWISE 1HWO, FULLY_CONNECTED OI, TRANSPOSE_CONV OHWI."""
    if kind in ("CONV_2D", "FULLY_CONNECTED"):
        return elements(output.shape) * elements(inputs[1].shape[1:])
    if kind == "DEPTHWISE_CONV_2D":
        return elements(output.shape) * elements(inputs[1].shape[1:3])
    if kind == "TRANSPOSE_CONV":
        channels = inputs[2].shape[-1] or 1
        return elements(inputs[2].shape) // channels * elements(inputs[1].shape)
    if kind == "BATCH_MATMUL":
        return elements(output.shape) * (inputs[0].shape[-1] or 1)
    return 0
