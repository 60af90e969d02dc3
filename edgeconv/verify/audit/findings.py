"""What an audit says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgeconv.files.operations import ModelOperations

Severity = Literal["error", "warning", "note"]
#: The rule that names what onnxruntime computes in float though it stands between pairs.
NO_KERNEL = "pairs without a kernel"
#: How many operators a line names.
_NAMED = 4


@dataclass(frozen=True)
class AuditFinding:
    """One thing about a file.

    Attributes:
        severity: "error" where results are wrong or much of the work is in float, "warning" where
            speed or accuracy is lost, "note" for what one should know.
        rule: what kind it is.
        message: what was found.
        nodes: the operators or tensors it is about, in the file's order.
        remedy: what to do.
    """

    severity: Severity
    rule: str
    message: str
    nodes: tuple[str, ...] = ()
    remedy: str = ""


def weights_per_tensor(names: Sequence[str], convolutions: int, remedy: str) -> AuditFinding:
    """That layers have one scale for all their output channels, so many of them convolutions."""
    return AuditFinding(
        "warning" if convolutions else "note",
        "weights per tensor",
        f"one weight scale for all output channels in {len(names)} layers, {convolutions} of them "
        "convolutions: channels with small weights lose their steps",
        tuple(names),
        remedy,
    )


@dataclass(frozen=True)
class Audit:
    """A file's share of work in int8 and all findings.

    Attributes:
        operations: the file.
        islands: names of operators that compute in float between integers, by group.
        findings: the gravest first.
    """

    operations: ModelOperations
    islands: tuple[tuple[str, ...], ...]
    findings: tuple[AuditFinding, ...]

    @property
    def int8_share(self) -> float:
        """Share of the multiply-adds in int8, 0 to 1."""
        return self.operations.int8_share

    @property
    def is_int8(self) -> bool:
        """Whether all work is in int8 and nothing is wrong with how."""
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why the file is not int8 throughout, in a line; "" where it is."""
        if self.int8_share < 1:
            return f"{self.int8_share:.1%} of its multiply-adds are"
        for finding in self.findings:
            if finding.severity == "error" or finding.rule == NO_KERNEL:
                return f"{finding.rule}: {', '.join(finding.nodes[:_NAMED])}"
        if self.islands:
            return f"{len(self.islands)} float islands: {', '.join(self.islands[0][:_NAMED])}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """The whole audit in plain values."""
        return {
            "format": self.operations.format,
            "multiply_adds": self.operations.multiply_adds,
            "int8_share": self.int8_share,
            "is_int8": self.is_int8,
            "float_islands": self.islands,
            "layout_changes": self.operations.layout_changes,
            "partitions": self.operations.partitions and self.operations.partitions.to_json(),
            "inputs": self.operations.inputs,
            "outputs": self.operations.outputs,
            "findings": self.findings,
        }
