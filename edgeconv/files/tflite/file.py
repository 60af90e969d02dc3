"""The one reader of TFLite files: what a file of any tool holds, constants included.

It reads with the schema that ai-edge-litert ships. That schema trusts every offset and length of a
file; here a file that lies about one is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.litert import check_header

#: What the schema's accessors raise where an offset of a damaged file leads astray.
DAMAGE = (struct.error, LookupError, ValueError, TypeError, AttributeError, OverflowError)

#: Of one kind in a file: tensors, operators, buffers; and numbers in one list. The largest nets
#: have a fifth.
_MOST_ENTRIES = 50_000

_OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()
}
_TYPE_NAMES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if name.isupper()
}
_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        name: np.dtype(name)
        for name in ("float32", "float16", "int64", "int32", "int16", "int8", "uint8")
    }
)


@dataclass(frozen=True, eq=False)
class TfliteTensor:
    """A tensor of a file.

    Attributes:
        index: its number; names need not be unique.
        name: as the file has it.
        shape: in the file's layout.
        type: of its values, the schema's name in lower case, such as "int8" or "int4".
        scale: float32 (1,) or (channels,); empty where it is not quantized.
        zero_point: int64, as long as `scale`.
        axis: of the channels that the scales are of.
        is_constant: whether the file holds its values.
        data: a constant's values; None for what is computed, and for types NumPy has not.
        producer: name of the operator that writes it, "" where none does.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0
    is_constant: bool = False
    data: NDArray[Any] | None = None
    producer: str = ""

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The type as NumPy has it, None where it has none."""
        return _DTYPES.get(self.type)


@dataclass(frozen=True, eq=False)
class TfliteOperator:
    """An operator of a file.

    Attributes:
        code: the schema's name of it, such as CONV_2D; a custom operator's own name.
        inputs: None where an optional one is absent.
        outputs: what it writes.
        options: type and table of its options, for `options_of`.
    """

    code: str
    inputs: tuple[TfliteTensor | None, ...]
    outputs: tuple[TfliteTensor, ...]
    options: tuple[int, Any] = (0, None)


@dataclass(frozen=True, eq=False)
class TfliteFile:
    """What a file holds; of its subgraphs the first.

    Attributes:
        path: where it was read.
        size: in bytes.
        tensors: by their number.
        operators: in the order they run.
        inputs, outputs: what it takes and gives.
        metadata: blobs that stand beside the net, by name.
    """

    path: Path
    size: int
    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[TfliteTensor, ...]
    outputs: tuple[TfliteTensor, ...]
    metadata: Mapping[str, bytes]


def read(path: Path) -> TfliteFile:
    """What a file holds.

    Raises:
        ArtifactRefused: it is no TFLite file, or is damaged.
    """
    check_header(path)
    data = path.read_bytes()
    with refusing_damage(path):
        return _read(path, data, schema.Model.GetRootAs(data, 0))


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Refuses a file over whose content the block stumbles."""
    try:
        yield
    except DAMAGE as error:
        raise ArtifactRefused(f"{path} is damaged: {error}") from error


def options_of(operator: TfliteOperator) -> Any:
    """The schema's options object of an operator, such as ResizeBilinearOptionsT, or None."""
    return schema.BuiltinOptionsCreator(*operator.options)


def operator_name(code: int, old_code: int, custom: bytes | None) -> str:
    """The name that the three fields of an operator code stand for."""
    number = max(code, old_code)
    name: str = _OPERATOR_NAMES.get(number, str(number))
    return _text(custom) if name == "CUSTOM" and custom else name


def _read(path: Path, data: bytes, model: Any) -> TfliteFile:
    if model.SubgraphsLength() < 1:
        raise ValueError("it holds no subgraph")
    graph = model.Subgraphs(0)
    room = min(len(data) // 4, _MOST_ENTRIES)  # an entry takes at least an offset
    budget = _Budget(4 * len(data) + 2**20)
    for holder, kind in (
        *((graph, kind) for kind in ("Tensors", "Operators")),
        *((model, kind) for kind in ("OperatorCodes", "Buffers", "Metadata")),
    ):
        length = getattr(holder, f"{kind}Length")()
        if length > room:
            raise ValueError(
                f"a table claims {length} entries in a file of {len(data)} bytes; at most "
                f"{_MOST_ENTRIES} are read"
            )
    codes = (model.OperatorCodes(i) for i in range(model.OperatorCodesLength()))
    names = [
        operator_name(
            code.BuiltinCode(), code.DeprecatedBuiltinCode(), budget.taken(code.CustomCode())
        )
        for code in codes
    ]
    found = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    producers = {
        index: names[operator.OpcodeIndex()]
        for operator in found
        for index in budget.numbers(operator.OutputsAsNumpy())
    }
    tensors = tuple(
        _tensor(model, data, budget, graph.Tensors(i), i, producers.get(i, ""))
        for i in range(graph.TensorsLength())
    )
    return TfliteFile(
        path=path,
        size=len(data),
        tensors=tensors,
        operators=tuple(_operator(names, budget, operator, tensors) for operator in found),
        inputs=_those(tensors, budget.numbers(graph.InputsAsNumpy())),
        outputs=_those(tensors, budget.numbers(graph.OutputsAsNumpy())),
        metadata=MappingProxyType(_metadata(model, data, budget)),
    )


@dataclass
class _Budget:
    """What is left to read: offsets may lead to the same bytes again and again, a billion times."""

    left: int

    def numbers(self, array: Any) -> list[int]:
        """A vector's numbers; the schema gives 0 for one that is absent."""
        if isinstance(array, int):
            return []
        if len(array) > _MOST_ENTRIES:
            raise ValueError(f"a list has {len(array)} numbers; at most {_MOST_ENTRIES} are read")
        self.charge(array.nbytes)
        found: list[int] = array.tolist()
        return found

    def text(self, name: bytes | None) -> str:
        """A name, whatever its bytes are."""
        return _text(self.taken(name))

    def taken(self, content: bytes | None) -> bytes | None:
        """Bytes that count."""
        self.charge(len(content or b""))
        return content

    def charge(self, size: int) -> None:
        """Raises ValueError where so many bytes are too many."""
        self.left -= size
        if self.left < 0:
            raise ValueError("its tables lead to the same bytes again and again")


def _operator(
    names: list[str], budget: _Budget, operator: Any, tensors: tuple[TfliteTensor, ...]
) -> TfliteOperator:
    inputs = budget.numbers(operator.InputsAsNumpy())
    return TfliteOperator(
        names[operator.OpcodeIndex()],
        tuple(tensors[i] if i >= 0 else None for i in inputs),
        _those(tensors, budget.numbers(operator.OutputsAsNumpy())),
        (operator.BuiltinOptionsType(), operator.BuiltinOptions()),
    )


def _tensor(
    model: Any, data: bytes, budget: _Budget, tensor: Any, index: int, producer: str
) -> TfliteTensor:
    name, shape = budget.text(tensor.Name()), tuple(budget.numbers(tensor.ShapeAsNumpy()))
    kind = _TYPE_NAMES.get(tensor.Type(), str(tensor.Type()))
    held = _buffer(model, data, tensor.Buffer())
    values, dtype = None, _DTYPES.get(kind)
    if held.size and dtype is not None and tensor.Sparsity() is None:
        values = held.view(dtype).reshape(shape)
    scale, zero_point, axis = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    quantization = tensor.Quantization()
    if quantization is not None and quantization.ScaleLength():
        scale = np.array(quantization.ScaleAsNumpy(), np.float32)
        budget.charge(scale.nbytes)
        axis = quantization.QuantizedDimension()
        zero_point = np.zeros(len(scale), np.int64)
        if quantization.ZeroPointLength():
            zero_point = np.array(quantization.ZeroPointAsNumpy(), np.int64)
            budget.charge(zero_point.nbytes)
    return TfliteTensor(
        index, name, shape, kind, scale, zero_point, axis, bool(held.size), values, producer
    )


def _buffer(model: Any, data: bytes, index: int) -> NDArray[np.uint8]:
    """A buffer's bytes: in the table, or behind all tables as files past 2 GiB have them."""
    if index >= model.BuffersLength():
        raise ValueError(f"there is no buffer {index}")
    buffer = model.Buffers(index)
    if buffer.DataLength():
        inside: NDArray[np.uint8] = buffer.DataAsNumpy()
        return inside
    if not buffer.Size():
        return np.zeros(0, np.uint8)
    return np.frombuffer(data, np.uint8, buffer.Size(), buffer.Offset())


def _metadata(model: Any, data: bytes, budget: _Budget) -> dict[str, bytes]:
    found = {}
    for entry in (model.Metadata(i) for i in range(model.MetadataLength())):
        name, held = budget.text(entry.Name()), _buffer(model, data, entry.Buffer())
        found[name] = budget.taken(held.tobytes()) or b""
    return found


def _those(tensors: tuple[TfliteTensor, ...], indices: list[int]) -> tuple[TfliteTensor, ...]:
    return tuple(tensors[i] for i in indices if i >= 0)


def _text(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "replace")
