"""The tensors of a TFLite file, constants included, with all their parameters."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.litert import check_header

#: What the flatbuffer accessors raise where an offset of a damaged file leads astray.
_DAMAGE = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError)

_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT16: np.int16,
    schema.TensorType.INT32: np.int32,
}
_ROWS = "/rows_"
_CODES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor of the file.

    Attributes:
        dtype: None for a type edgeconv does not write.
        shape: in the file's layout.
        scale: float32 (1,) or (channels,); empty where it is not quantized.
        zero_point: int64, as long as `scale`.
        data: a constant's values, None for what is computed.
        producer: TFLite's name of the operator that writes it, "" where none does.
        name: as the file has it.
    """

    dtype: np.dtype[Any] | None
    shape: tuple[int, ...]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    data: NDArray[Any] | None
    producer: str
    name: str = ""

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its values."""
        return self.data is not None


@dataclass(frozen=True, eq=False)
class FileOperator:
    """An operator of the file.

    Attributes:
        code: TFLite's name of it.
        inputs: None where an optional one is absent.
    """

    code: str
    inputs: tuple[FileTensor | None, ...]
    outputs: tuple[FileTensor, ...]


def read_operators(path: Path) -> tuple[FileOperator, ...]:
    """Every operator of the file's first subgraph, in the order they run; errors as below."""
    with _opened(path) as (model, graph):
        tensors = _tensors(model, graph)
        return tuple(
            _operator(model, graph.Operators(i), tensors) for i in range(graph.OperatorsLength())
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The model and its first subgraph; what stumbles over damage inside the block is refused."""
    check_header(path)
    data = path.read_bytes()
    try:
        model = schema.Model.GetRootAs(data, 0)
        yield model, model.Subgraphs(0)
    except _DAMAGE as error:
        raise ArtifactRefused(f"{path} is damaged: {error}") from error


def _tensors(model: Any, graph: Any) -> list[FileTensor]:
    producers = _producers(model, graph)
    return [
        _tensor(model, graph.Tensors(i), producers.get(i, "")) for i in range(graph.TensorsLength())
    ]


def _operator(model: Any, operator: Any, tensors: list[FileTensor]) -> FileOperator:
    inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
    outputs = [operator.Outputs(i) for i in range(operator.OutputsLength())]
    return FileOperator(
        _code(model, operator),
        tuple(tensors[i] if i >= 0 else None for i in inputs),
        tuple(tensors[i] for i in outputs),
    )


def read_tensors(path: Path) -> Mapping[str, FileTensor]:
    """Every named tensor of the file's first subgraph.

    Weights whose rows the writer has given to several convolutions, called NAME/rows_0 and so on,
    are there under their own name too.

    Raises:
        ArtifactRefused: it is no TFLite file, or is damaged.
    """
    with _opened(path) as opened:
        found = {tensor.name: tensor for tensor in _tensors(*opened)}
        return found | _put_together(found)


def _put_together(tensors: Mapping[str, FileTensor]) -> dict[str, FileTensor]:
    """The constants that the file holds in runs of rows, where it has all of them."""
    runs: dict[str, dict[int, FileTensor]] = {}
    for name, tensor in tensors.items():
        whole, mark, start = name.rpartition(_ROWS)
        if mark and start.isdecimal() and tensor.data is not None and tensor.shape:
            runs.setdefault(whole, {})[int(start)] = tensor
    found = {}
    for whole, parts in runs.items():
        starts = sorted(parts)
        ends = [start + parts[start].shape[0] for start in starts]
        if starts[0] == 0 and starts[1:] == ends[:-1] and whole not in tensors:
            found[whole] = _joined(whole, [parts[start] for start in starts])
    return found


def _joined(name: str, rows: Sequence[FileTensor]) -> FileTensor:
    data = np.concatenate([tensor.data for tensor in rows if tensor.data is not None])
    return FileTensor(
        rows[0].dtype,
        data.shape,
        np.concatenate([tensor.scale for tensor in rows]),
        np.concatenate([tensor.zero_point for tensor in rows]),
        data,
        "",
        name,
    )


def _producers(model: Any, graph: Any) -> dict[int, str]:
    producers = {}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        for output in range(operator.OutputsLength()):
            producers[operator.Outputs(output)] = _code(model, operator)
    return producers


def _code(model: Any, operator: Any) -> str:
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    return str(_CODES.get(number, number))


def _tensor(model: Any, tensor: Any, producer: str) -> FileTensor:
    dtype = _DTYPES.get(tensor.Type())
    shape = tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength()))
    buffer = model.Buffers(tensor.Buffer())
    values = None
    if dtype is not None and buffer.DataLength():
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype).reshape(shape)
    quantization = tensor.Quantization()
    scale, zero_point = np.zeros(0, np.float32), np.zeros(0, np.int64)
    if quantization is not None and quantization.ScaleLength():
        scale = np.array(quantization.ScaleAsNumpy(), np.float32)
        zero_point = np.zeros(len(scale), np.int64)
        if quantization.ZeroPointLength():
            zero_point = np.array(quantization.ZeroPointAsNumpy(), np.int64)
    known = None if dtype is None else np.dtype(dtype)
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    return FileTensor(known, shape, scale, zero_point, values, producer, name)
