"""What a TFLite file computes, operator by operator, in the terms both formats share."""

from __future__ import annotations

from collections.abc import Sequence

from edgeconv.files.operations import (
    Convolution,
    End,
    ModelOperations,
    Operation,
    Tensor,
    elements,
    size_in_bytes,
)
from edgeconv.files.tflite.builtins.operator import BuiltinOperator
from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import (
    TfliteFile,
    TfliteOperator,
    TfliteTensor,
    options_of,
    refusing_damage,
)
from edgeconv.files.tflite.looked_up import with_lookups
from edgeconv.files.tflite.partitions import partitions


def operations_of(file: TfliteFile) -> ModelOperations:
    """What a file computes and moves; raises ArtifactRefused where it is damaged."""
    with refusing_damage(file.path):
        return _operations(file)


def _operations(file: TfliteFile) -> ModelOperations:
    memory = [_stored(tensor) for tensor in file.tensors]
    operators = with_lookups(file.operators, file.outputs)
    for operator in operators:
        _alias(operator, memory)
    return ModelOperations(
        format="tflite",
        bytes=file.size,
        inputs=tuple(map(_end, file.inputs)),
        outputs=tuple(map(_end, file.outputs)),
        operations=tuple(_operation(operator, memory) for operator in operators),
        fed=tuple(memory[tensor.index] for tensor in file.inputs),
        given=tuple(memory[tensor.index] for tensor in file.outputs),
        partitions=partitions(file),
    )


def _end(tensor: TfliteTensor) -> End:
    return End(tensor.name, tensor.shape, tensor.type)


def _stored(tensor: TfliteTensor) -> Tensor:
    return Tensor(
        name=f"{tensor.index}:{tensor.name}",  # names need not be unique
        shape=tensor.shape,
        dtype=tensor.type,
        bytes=size_in_bytes(tensor.shape, tensor.type),
        is_constant=tensor.is_constant,
    )


def _alias(operator: TfliteOperator, memory: list[Tensor]) -> None:
    """Gives the outputs of views, and of constants that are widened, the memory they read."""
    source = next((memory[t.index] for t in operator.inputs if t is not None), None)
    kind = builtin(operator.code).kind
    if source is not None and (kind == "view" or (kind == "conversion" and source.is_constant)):
        for tensor in operator.outputs:
            memory[tensor.index] = source


def _operation(operator: TfliteOperator, memory: Sequence[Tensor]) -> Operation:
    row = builtin(operator.code)
    stored_in = tuple(memory[t.index] for t in operator.inputs if t is not None)
    stored_out = tuple(memory[t.index] for t in operator.outputs)
    computes = row.kind != "view" and not all(t.is_constant for t in stored_out)
    return Operation(
        type=operator.code,
        kind=row.kind,
        name=operator.outputs[0].name if operator.outputs else operator.code,
        multiply_adds=_multiply_adds(row, operator),
        parameters=_parameters(row, stored_in) if computes else 0,
        activation_dtypes=frozenset(
            tensor.dtype for tensor in (*stored_in, *stored_out) if not tensor.is_constant
        ),
        reads=stored_in if computes else (),
        writes=stored_out if computes else (),
        convolution=_convolution(row, operator),
        adds_up=row.adds_up,
    )


def _parameters(row: BuiltinOperator, stored: Sequence[Tensor]) -> int:
    """Constants in values; integers of 32 bits and more are settings but to a layer."""
    return sum(
        elements(tensor.shape)
        for tensor in stored
        if tensor.is_constant and (row.layer is not None or tensor.dtype not in ("int32", "int64"))
    )


def _multiply_adds(row: BuiltinOperator, operator: TfliteOperator) -> int:
    """An output adds up what lies under its weights; a transposed one's inputs are spread."""
    shapes = [() if tensor is None else tensor.shape for tensor in operator.inputs]
    output = elements(operator.outputs[0].shape) if operator.outputs else 0
    if row.name == "BATCH_MATMUL":
        inner = -2 if getattr(options_of(operator), "adjX", False) else -1
        return output * elements(shapes[0][inner:][:1])
    if row.layer is None or not operator.outputs:
        return 0
    weight, source = shapes[row.layer.weight], shapes[row.layer.source]
    if row.name == "TRANSPOSE_CONV":
        return elements(source[:-1]) * elements(weight)
    return output * elements(weight[: row.layer.axis] + weight[row.layer.axis + 1 :])


def _convolution(row: BuiltinOperator, operator: TfliteOperator) -> Convolution | None:
    if row.name not in ("CONV_2D", "DEPTHWISE_CONV_2D") or len(operator.inputs) < 2:
        return None
    source, weight = ((() if t is None else t.shape) for t in operator.inputs[:2])
    output = operator.outputs[0].shape if operator.outputs else ()
    if not len(source) == len(weight) == len(output) == 4:
        return None
    channels = max(1, source[3])
    taken = max(1, weight[3]) if row.name == "CONV_2D" else 1
    return Convolution(
        kernel=elements(weight[1:3]),
        in_channels=channels,
        out_channels=max(1, output[3]),
        groups=max(1, channels // taken),
        in_positions=elements(source[:3]),
        out_positions=elements(output[:3]),
    )
