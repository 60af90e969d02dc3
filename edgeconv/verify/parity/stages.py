"""What parity reports: one result a stage, and the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgeconv.runtime.metrics import Figures, rounded
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.parity.output_parts import PartResult
from edgeconv.verify.thresholds import Threshold


@dataclass(frozen=True)
class Interface:
    """What a model file takes and gives, as it declares it."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


#: Those in golden.npz, or photos of the user's that the bundle does not hold.
Photos = Literal["golden", "own"]

#: Name of the stage that compares the two int8 files operator by operator.
OPERATORS = "int8 operators"


@dataclass(frozen=True)
class StageResult:
    """One comparison of two runs.

    Attributes:
        name: what was compared, unique in a report.
        a: the side that counts as right: "reference", or a file's name and how it ran.
        b: the side that is judged.
        figures: one for each output of the net; empty where a stage has figures of another kind.
        outputs: their names, in that order.
        worst: the worst part of any of them; None where they have no parts.
        thresholds: the bound for each of `figures`; empty where nothing is judged.
        passed: whether no threshold was missed; true where nothing is judged.
        judged: false where the figures are there to be read.
        note: what a reader must know, "" for nothing.
        photos: those that it was judged on.
        seconds: how long the run that is judged took; no document holds it, so that they repeat.
    """

    name: str
    a: str
    b: str
    figures: tuple[Figures, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    passed: bool = True
    judged: bool = True
    note: str = ""
    outputs: tuple[str, ...] = ()
    worst: PartResult | None = None
    photos: Photos = "golden"
    seconds: float = field(default=0.0, compare=False)

    @property
    def met(self) -> tuple[bool, ...]:
        """For each of `figures`, whether it holds its threshold; true where it has none."""
        if not self.thresholds:
            return (True,) * len(self.figures)
        pairs = zip(self.thresholds, self.figures, strict=True)
        return tuple(threshold.met_by(figures) for threshold, figures in pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain values; figures with four significant digits, so that a repeated run repeats."""
        return {
            "name": self.name,
            "a": self.a,
            "b": self.b,
            "passed": self.passed,
            "judged": self.judged,
            "met": list(self.met),
            "outputs": list(self.outputs),
            "figures": [figures.to_json() for figures in self.figures],
            "thresholds": [
                {"figure": t.figure, "limit": rounded(t.limit)} for t in self.thresholds
            ],
            "worst_part": self.worst and self.worst.to_json(),
            "note": self.note,
            "photos": self.photos,
        }


@dataclass(frozen=True)
class ParityReport:
    """Every stage in order, and what the user must be told.

    Attributes:
        stages: the results.
        warnings: facts about this machine that changed how files were judged.
        interfaces: of each file that ran here, by its short name; no document holds them.
    """

    stages: tuple[StageResult, ...]
    warnings: tuple[str, ...] = ()
    interfaces: Mapping[str, Interface] = field(default_factory=dict, compare=False, repr=False)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the stages that missed a threshold."""
        return tuple(stage.name for stage in self.stages if not stage.passed)

    @property
    def passed(self) -> bool:
        """Whether no stage missed a threshold."""
        return not self.failed

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest and for `--json`."""
        return {
            "status": "passed" if self.passed else "failed",
            "failed": list(self.failed),
            "warnings": list(self.warnings),
            "stages": [stage.to_json() for stage in self.stages],
        }
