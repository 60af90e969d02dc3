"""What a model file computes, operator by operator, in terms that both formats share."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgeconv.graph.operators.operator import Kind

#: Values of one tensor; what sums and ratios of such counts are made of then fits a float.
_MOST_ELEMENTS = 2**63
FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_EIGHT_BITS = frozenset({"int8", "uint8"})


@dataclass(frozen=True)
class Tensor:
    """A piece of memory that operators read and write.

    Attributes:
        name: its identity in the file; a view of a tensor, and what an absorbed activation gives,
            are the tensor itself.
        shape: as the file declares it; a dimension that is not static is None and counts as one.
        dtype: in which it is stored: int8 between the quantize and dequantize nodes of QDQ form.
        bytes: its size.
        is_constant: whether the file holds its values.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    bytes: int
    is_constant: bool = False


@dataclass(frozen=True)
class Convolution:
    """What the ShuffleNetV2 guidelines ask of a convolution.

    Attributes:
        kernel: positions of its window, 1 for pointwise, 9 for 3 x 3.
        in_channels, out_channels: of its tensors.
        groups: of its channels.
        in_positions, out_positions: batch x height x width of its tensors.
    """

    kernel: int
    in_channels: int
    out_channels: int
    groups: int
    in_positions: int
    out_positions: int

    @property
    def is_depthwise(self) -> bool:
        """Whether every output channel reads a single input channel."""
        return self.groups > 1 and self.groups == self.in_channels

    @property
    def multiply_adds(self) -> int:
        """Of one run."""
        return (
            self.out_positions * self.kernel * (self.in_channels // self.groups) * self.out_channels
        )


@dataclass(frozen=True)
class Operation:
    """One operator of a file.

    Attributes:
        type: the format's own name of the operator, such as Conv or CONV_2D.
        kind: what it does, broadly, in words of both formats.
        name: the node's name, or its output's where the format names no nodes.
        multiply_adds: of convolutions and matrix products, 0 for everything else.
        parameters: constants it reads, counted in values.
        activation_dtypes: in which the tensors it reads and writes are stored, constants aside; a
            layer's float weights count, for what they multiply is float then, too.
        reads, writes: the memory it goes through; nothing where it is a view, or absorbed.
        convolution: its sizes, None for everything else.
        adds_up: whether every value it writes is a sum of many that no weight scales.
    """

    type: str
    kind: Kind
    name: str
    multiply_adds: int
    parameters: int
    activation_dtypes: frozenset[str]
    reads: tuple[Tensor, ...] = ()
    writes: tuple[Tensor, ...] = ()
    convolution: Convolution | None = None
    adds_up: bool = False

    @property
    def is_int8(self) -> bool:
        """Whether its activations are 8-bit integers."""
        return bool(self.activation_dtypes) and self.activation_dtypes <= _EIGHT_BITS

    @property
    def is_move(self) -> bool:
        """Whether it only copies values to where they are wanted."""
        return self.kind in ("move", "transpose")

    @property
    def accessed(self) -> tuple[Tensor, ...]:
        """Every tensor it reads and writes; one it reads twice counts once."""
        return (*{tensor.name: tensor for tensor in self.reads}.values(), *self.writes)

    @property
    def memory_access(self) -> int:
        """Bytes read and written."""
        return sum(tensor.bytes for tensor in self.accessed)


@dataclass(frozen=True)
class End:
    """An input or output of a file; a dimension that is not static is None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Partitions:
    """How LiteRT divides a TFLite file between XNNPACK and kernels of its own.

    Attributes:
        delegated: pieces that XNNPACK runs; one is best.
        outside: how many operators of each kind LiteRT's own kernels run, the most frequent first.
    """

    delegated: int
    outside: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Both by name."""
        return {"delegated": self.delegated, "outside": dict(self.outside)}

    def __str__(self) -> str:
        """In a line, such as "3, beside 2 HARD_SWISH on LiteRT's own kernels"."""
        if not self.outside:
            return str(self.delegated)
        counts = ", ".join(f"{count} {code}" for code, count in self.outside.items())
        return f"{self.delegated}, beside {counts} on LiteRT's own kernels"


@dataclass(frozen=True)
class ModelOperations:
    """A file's operators and ends, in the order of execution.

    Attributes:
        format: "onnx" or "tflite".
        bytes: size of the file.
        inputs, outputs: what it takes and gives.
        operations: its operators, without the quantize and dequantize nodes of QDQ form.
        fed, given: the memory behind the inputs and the outputs.
        partitions: how LiteRT divides the file; None of an ONNX file.
    """

    format: str
    bytes: int
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    operations: tuple[Operation, ...]
    fed: tuple[Tensor, ...] = ()
    given: tuple[Tensor, ...] = ()
    partitions: Partitions | None = None

    @property
    def multiply_adds(self) -> int:
        """Of one inference, at the file's own batch size."""
        return sum(operation.multiply_adds for operation in self.operations)

    @property
    def parameters(self) -> int:
        """Constants of the operators, in values."""
        return sum(operation.parameters for operation in self.operations)

    @property
    def int8_share(self) -> float:
        """Share of the multiply-adds computed in int8, 0 to 1; 0 where there are none."""
        total = self.multiply_adds
        return sum(o.multiply_adds for o in self.operations if o.is_int8) / total if total else 0.0

    @property
    def layout_changes(self) -> int:
        """How many operators only change the layout."""
        return sum(operation.kind == "transpose" for operation in self.operations)

    @property
    def memory_access(self) -> int:
        """Bytes that the operators read and write, each tensor once an operator."""
        return sum(operation.memory_access for operation in self.operations)

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: multiply-adds for each byte read or written."""
        return self.multiply_adds / self.memory_access if self.memory_access else 0.0

    def counts(self) -> list[tuple[str, int]]:
        """Operator types and how often each occurs, the most frequent first."""
        tally = Counter(operation.type for operation in self.operations)
        return sorted(tally.items(), key=lambda item: (-item[1], item[0]))

    def to_json(self) -> dict[str, Any]:
        """Totals, ends and operator counts."""
        return {
            "format": self.format,
            "bytes": self.bytes,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "int8_share": self.int8_share,
            "layout_changes": self.layout_changes,
            "memory_access_bytes": self.memory_access,
            "memory_access_bytes_by_dtype": access_by_dtype(self.operations),
            "multiply_adds_per_byte": self.intensity,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "operators": dict(self.counts()),
            "partitions": self.partitions and self.partitions.to_json(),
        }


def access_by_dtype(operations: Iterable[Operation]) -> dict[str, int]:
    """Bytes read and written in each type, the type with the most bytes first."""
    tally: Counter[str] = Counter()
    for operation in operations:
        for tensor in operation.accessed:
            tally[tensor.dtype] += tensor.bytes
    return dict(tally.most_common())


def elements(shape: Sequence[int | None]) -> int:
    """Values of a tensor; a dimension that is not static counts as one.

    Raises:
        ValueError: no memory has as many, so that the shape is damaged.
    """
    count = math.prod(max(1, d) for d in shape if d is not None)
    if count > _MOST_ELEMENTS:
        raise ValueError("a tensor claims more values than any memory has")
    return count


def size_in_bytes(shape: Sequence[int | None], dtype: str) -> int:
    """Bytes of a tensor, by the bits in its type's name; without any, four bytes a value."""
    bits = 8 if dtype == "bool" else int((re.findall(r"\d+", dtype) or ["32"])[0])
    return (elements(shape) * bits + 7) // 8
