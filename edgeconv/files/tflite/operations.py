"""Reads the operators of a TFLite file of any tool, by the schema that ai-edge-litert ships."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from edgeconv.errors import ArtifactRefused
from edgeconv.files.operations import (
    Convolution,
    End,
    ModelOperations,
    Operation,
    Tensor,
    elements,
    size_in_bytes,
)
from edgeconv.files.operator_kinds import VIEWS
from edgeconv.runtime.litert import check_header

#: What the flatbuffer accessors raise where an offset of a damaged file leads astray.
_DAMAGE = (struct.error, LookupError, ValueError, TypeError, AttributeError, OverflowError)

_TYPE_NAMES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if name.isupper()
}
_OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()
}
#: Operators whose constants are weights and biases, integers too.
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
#: Operators that engines fold where all they read is constant: weights stored in fewer bits.
_FOLDED = frozenset({"DEQUANTIZE", "CAST", "DENSIFY"})


@dataclass(frozen=True)
class _Table:
    """The tensors of a subgraph.

    Attributes:
        ends: name, shape and type of each.
        stored: the memory that holds each.
    """

    ends: list[End]
    stored: list[Tensor]


def read_tflite(path: Path) -> ModelOperations:
    """The operators of a file's first subgraph.

    Raises:
        ArtifactRefused: it is no TFLite file, or is damaged.
    """
    check_header(path)
    data = path.read_bytes()
    try:
        return _read(data)
    except _DAMAGE as error:
        raise ArtifactRefused(f"{path} is damaged: {error}") from error


def _read(data: bytes) -> ModelOperations:
    model = schema.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() < 1:
        raise ValueError("it holds no subgraph")
    graph = model.Subgraphs(0)
    room = len(data) // 4  # an entry of a table takes at least an offset
    for length in (graph.TensorsLength(), graph.OperatorsLength(), model.OperatorCodesLength()):
        if length > room:
            raise ValueError(f"a table claims {length} entries in a file of {len(data)} bytes")
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    kinds = [_kind(model, operator) for operator in operators]
    table = _table(model, graph, room)
    for kind, operator in zip(kinds, operators, strict=True):
        _alias(kind, operator, table, room)
    inputs, outputs = (_indices(graph, side, room) for side in ("Inputs", "Outputs"))
    return ModelOperations(
        format="tflite",
        bytes=len(data),
        inputs=tuple(table.ends[i] for i in inputs),
        outputs=tuple(table.ends[i] for i in outputs),
        operations=tuple(
            _operation(kind, operator, table, room)
            for kind, operator in zip(kinds, operators, strict=True)
        ),
        fed=tuple(table.stored[i] for i in inputs),
        given=tuple(table.stored[i] for i in outputs),
    )


def _indices(holder: Any, side: str, room: int) -> list[int]:
    """Tensor indices a table lists; -1 stands for an input that is left out."""
    length = getattr(holder, f"{side}Length")()
    if length > room:
        raise ValueError(f"an operator claims {length} tensors")
    return [i for i in map(getattr(holder, side), range(length)) if i >= 0]


def _kind(model: Any, operator: Any) -> str:
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind: str = _OPERATOR_NAMES.get(number, str(number))
    if kind == "CUSTOM":
        kind = (code.CustomCode() or b"CUSTOM").decode("utf-8", "replace")
    return kind


def _table(model: Any, graph: Any, room: int) -> _Table:
    ends, stored = [], []
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        if tensor.ShapeLength() > room:
            raise ValueError(f"tensor {index} claims {tensor.ShapeLength()} dimensions")
        shape = tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength()))
        dtype = _TYPE_NAMES.get(tensor.Type(), str(tensor.Type()))
        name = (tensor.Name() or b"").decode("utf-8", "replace")
        ends.append(End(name, shape, dtype))
        buffer = model.Buffers(tensor.Buffer())
        is_constant = bool(buffer.DataLength() or buffer.Size())
        # Names need not be unique, so the index is the memory's identity.
        bytes_ = size_in_bytes(shape, dtype)
        stored.append(Tensor(f"{index}:{name}", shape, dtype, bytes_, is_constant))
    return _Table(ends, stored)


def _alias(kind: str, operator: Any, table: _Table, room: int) -> None:
    """Gives the outputs of views, and of constants that are widened, the memory they read."""
    inputs, outputs = _indices(operator, "Inputs", room), _indices(operator, "Outputs", room)
    if not inputs or not outputs:
        return
    source = table.stored[inputs[0]]
    if kind in VIEWS or (kind in _FOLDED and source.is_constant):
        for index in outputs:
            table.stored[index] = source


def _operation(kind: str, operator: Any, table: _Table, room: int) -> Operation:
    inputs, outputs = _indices(operator, "Inputs", room), _indices(operator, "Outputs", room)
    read = [table.ends[i] for i in inputs]
    written = [table.ends[i] for i in outputs]
    stored_in = tuple(table.stored[i] for i in inputs)
    stored_out = tuple(table.stored[i] for i in outputs)
    computes = kind not in VIEWS and not all(t.is_constant for t in stored_out)
    return Operation(
        type=kind,
        name=written[0].name if written else kind,
        multiply_adds=_multiply_adds(kind, read, written),
        parameters=_parameters(kind, stored_in) if computes else 0,
        output_elements=sum(elements(end.shape) for end in written),
        activation_dtypes=frozenset(
            tensor.dtype for tensor in (*stored_in, *stored_out) if not tensor.is_constant
        ),
        reads=stored_in if computes else (),
        writes=stored_out if computes else (),
        convolution=_convolution(kind, read, written),
    )


def _parameters(kind: str, stored: Sequence[Tensor]) -> int:
    return sum(
        elements(tensor.shape)
        for tensor in stored
        if tensor.is_constant and (kind in _WEIGHTED or tensor.dtype not in ("int32", "int64"))
    )


def _multiply_adds(kind: str, read: Sequence[End], written: Sequence[End]) -> int:
    """CONV_2D weights are OHWI, DEPTHWISE 1HWO, FULLY_CONNECTED OI, TRANSPOSE_CONV OHWI."""
    if not written:
        return 0
    output = elements(written[0].shape)
    if kind in ("CONV_2D", "FULLY_CONNECTED"):
        return output * elements(read[1].shape[1:])
    if kind == "DEPTHWISE_CONV_2D":
        return output * elements(read[1].shape[1:3])
    if kind == "TRANSPOSE_CONV":
        channels = read[2].shape[-1] or 1
        return elements(read[2].shape) // channels * elements(read[1].shape)
    if kind == "BATCH_MATMUL":
        return output * (read[0].shape[-1] or 1)
    return 0


def _convolution(kind: str, read: Sequence[End], written: Sequence[End]) -> Convolution | None:
    if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or not written:
        return None
    source, weight, output = read[0].shape, read[1].shape, written[0].shape
    if not len(source) == len(weight) == len(output) == 4:
        return None
    channels = max(1, source[3] or 1)
    taken = max(1, weight[3] or 1) if kind == "CONV_2D" else 1
    return Convolution(
        kernel=elements(weight[1:3]),
        in_channels=channels,
        out_channels=max(1, output[3] or 1),
        groups=max(1, channels // taken),
        in_positions=elements(source[:3]),
        out_positions=elements(output[:3]),
    )
