"""What a model file computes, operator by operator, in terms that both formats share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Operators that only move values to another layout.
LAYOUT_CHANGES = frozenset({"Transpose", "TRANSPOSE"})


@dataclass(frozen=True)
class Operation:
    """One operator of a file.

    Attributes:
        type: the format's own name of the operator, such as Conv or CONV_2D.
        name: the node's name, or its output's where the format names no nodes.
        multiply_adds: of convolutions and matrix products, 0 for everything else.
        parameters: constants it reads, counted in values.
        output_elements: values it writes.
        is_int8: whether its activations are 8-bit integers (QDQ form: stand between quantize and
            dequantize nodes).
    """

    type: str
    name: str
    multiply_adds: int
    parameters: int
    output_elements: int
    is_int8: bool


@dataclass(frozen=True)
class End:
    """An input or output of a file; a dimension that is not static is None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class ModelOperations:
    """A file's operators and ends, in the order of execution.

    Attributes:
        format: "onnx" or "tflite".
        bytes: size of the file.
        inputs, outputs: what it takes and gives.
        operations: its operators, without the quantize and dequantize nodes of QDQ form.
    """

    format: str
    bytes: int
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    operations: tuple[Operation, ...]

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
        return sum(operation.type in LAYOUT_CHANGES for operation in self.operations)

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
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "operators": dict(self.counts()),
        }


def elements(shape: Sequence[int | None]) -> int:
    """Values of a tensor; a dimension that is not static counts as one."""
    return math.prod(max(1, d) for d in shape if d is not None)
