"""Everything `edgeconv inspect` says of a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from edgeconv.files.memory import ActivationMemory, activation_memory, float_islands
from edgeconv.files.operations import ModelOperations, Operation
from edgeconv.verify.inspect.guidelines import Finding, findings
from edgeconv.verify.inspect.layout_changes import LayoutChange, layout_changes


@dataclass(frozen=True)
class Inspection:
    """A file's operators and what follows from them.

    Attributes:
        operations: the file.
        memory: of its activations.
        islands: groups of operators that compute in float in an int8 file.
        findings: one for each guideline of ShuffleNetV2.
        layout_changes: every transpose, and what it is for.
    """

    operations: ModelOperations
    memory: ActivationMemory
    islands: tuple[tuple[Operation, ...], ...]
    findings: tuple[Finding, ...]
    layout_changes: tuple[LayoutChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Totals, a record for each operator, islands and findings."""
        return {
            **self.operations.to_json(),
            "activation_memory": self.memory,
            "float_islands": [[o.name for o in island] for island in self.islands],
            "findings": self.findings,
            "transposes": self.layout_changes,
            "unknown_shapes": self.unknown_shapes,
            "by_operator": [
                {
                    "type": o.type,
                    "name": o.name,
                    "multiply_adds": o.multiply_adds,
                    "parameters": o.parameters,
                    "is_int8": o.is_int8,
                    "memory_access_bytes": o.memory_access,
                }
                for o in self.operations.operations
            ],
        }

    @property
    def unknown_shapes(self) -> int:
        """Tensors with a dimension the file does not fix; it counts as one in every figure."""
        return len(
            {
                tensor.name
                for o in self.operations.operations
                for tensor in o.accessed
                if None in tensor.shape
            }
        )


def inspect(operations: ModelOperations) -> Inspection:
    """What follows from a file's operators."""
    return Inspection(
        operations=operations,
        memory=activation_memory(operations),
        islands=tuple(float_islands(operations)),
        findings=findings(operations),
        layout_changes=layout_changes(operations),
    )


@dataclass(frozen=True)
class Published:
    """What is published of a net, to stand beside what is true of its graph.

    Attributes:
        parameters: learned values as published.
        multiply_adds: of one photo of `input_size`, as published.
        top1, top5: ImageNet-1k accuracy in percent; None where nobody published it.
        paper: title and address.
        sources: where each figure stands.
        input_size: (height, width) the figures hold for.
        inspected_size: (height, width) of the inspected graph.
        counted_parameters: learned values of the definition.
    """

    parameters: int
    multiply_adds: int
    top1: float | None
    top5: float | None
    paper: str
    sources: dict[str, str] = field(default_factory=dict)
    input_size: tuple[int, int] = (224, 224)
    inspected_size: tuple[int, int] = (224, 224)
    counted_parameters: int = 0

    def to_json(self) -> dict[str, Any]:
        """Every attribute by name, but for what the file itself tells."""
        plain = asdict(self)
        del plain["inspected_size"]
        return plain
