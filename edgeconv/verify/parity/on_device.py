"""A bundle's files on a device: against the float reference, and against this machine.

reference    -> each file there     as `parity` judges it here, float by the device's bound
the same file here -> there         float by the same bound; int8 as near as `pair` says
int8 operators                      each on identical integers: at most one step from LiteRT's
                                    reference kernels, and whether its bits are those of here
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgeconv.errors import UsageError
from edgeconv.runtime.metrics import Figures
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import EngineName, Opener
from edgeconv.verify.parity import as_exported, device_operators, whole_numbers
from edgeconv.verify.parity.device_operators import OperatorIdentity
from edgeconv.verify.parity.expected import Expected, Run
from edgeconv.verify.parity.float64 import FloatJudge
from edgeconv.verify.parity.golden_runs import GoldenRuns, compare_all
from edgeconv.verify.parity.pair import pair_bound
from edgeconv.verify.parity.stages import ParityReport, StageResult
from edgeconv.verify.thresholds import DEFAULTS, Threshold, Thresholds, loosest

#: What an int8 file may differ by is told by these two on this machine.
_FLOOR: tuple[Run, Run] = (("int8.tflite", "default"), ("int8.tflite", "reference"))


@dataclass(frozen=True)
class DeviceParity:
    """What parity on a device found.

    Attributes:
        device: its name.
        report: every stage.
        operators: every int8 operator on identical integers.
    """

    device: str
    report: ParityReport
    operators: tuple[OperatorIdentity, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "device": self.device,
            **self.report.to_json(),
            "operators": [asdict(operator) for operator in self.operators],
        }


def check(
    artifacts: Mapping[str, Path],
    expected: Expected,
    opener: Opener,
    *,
    device: str,
    engines: tuple[EngineName, ...],
    thresholds: Thresholds = DEFAULTS,
) -> DeviceParity:
    """Runs every file that the device's engines open there and here, and compares.

    Args:
        artifacts: "onnx", "tflite", "int8.onnx", "int8.tflite" to the file.
        expected: what they are held against.
        opener: opens files on the device.
        device: its name, for the stages' names.
        engines: those of the device.
        thresholds: the bounds.

    Raises:
        UsageError: no file is one of the device's engines.
        ArtifactRefused, DeviceFailed, UnavailableError: as the sessions.
    """
    runs: list[Run] = [
        (name, "default") for name, path in artifacts.items() if engine_of(path) in engines
    ]
    if not runs:
        raise UsageError(f"the bundle holds no file for {', '.join(engines)}, which {device} has")
    wanted = dict.fromkeys([*map(_here, runs), *(_FLOOR if "int8.tflite" in artifacts else ())])
    judge = FloatJudge(
        expected,
        bound=Threshold("relative_error", thresholds.device_float_error),
        factor=thresholds.float32_factor,
        files=tuple(path for name, path in artifacts.items() if name in ("onnx", "tflite")),
    )
    comparison = _Comparison(
        device=device,
        expected=expected,
        there=GoldenRuns(artifacts, expected, runs, opener),
        here=GoldenRuns(artifacts, expected, wanted),
        judge=judge,
        thresholds=thresholds,
    )
    stages = (
        *map(comparison.with_reference, runs),
        *map(comparison.with_here, runs),
    )
    started = time.perf_counter()
    operators = device_operators.check(artifacts, expected.images, opener, engines)
    seconds = time.perf_counter() - started
    judged = device_operators.stage(operators, device, thresholds)
    timed = (replace(stage, seconds=seconds) for stage in judged)
    return DeviceParity(device, ParityReport((*stages, *timed)), operators)


def _here(run: Run) -> Run:
    """The same run on this machine, with kernels that cannot saturate."""
    artifact, kernels = run
    saturates = artifact == "int8.onnx" and int8_convolution_saturates()
    return artifact, "reference" if saturates else kernels


def _is_int8(run: Run) -> bool:
    return run[0].startswith("int8")


@dataclass(frozen=True, eq=False)
class _Comparison:
    """The runs on the device and here, and how they are judged."""

    device: str
    expected: Expected
    there: GoldenRuns
    here: GoldenRuns
    judge: FloatJudge
    thresholds: Thresholds

    def with_reference(self, run: Run) -> StageResult:
        """A file on the device against the float net."""
        if _is_int8(run) and self.expected.as_exported:
            name = f"{run[0]} on {self.device}"
            return as_exported.stage(name, run, self.there, self.expected, self.thresholds)
        there, note = self.there, ""
        figures = there.figures(run)
        rounded = self.thresholds.of_rounded(run[0])
        bounds = whole_numbers.of_rounded(self.expected, figures, rounded)
        if not _is_int8(run):
            found = self.judge.judge(run, there.outputs(run), figures)
            figures, bounds, note = found.figures, found.thresholds, found.note
        stage = self._stage(f"{run[0]} on {self.device}", "reference", run, figures, bounds)
        worst = there.worst_part(run, loosest(bounds))
        return replace(
            stage,
            note=stage.note or note,
            seconds=there.seconds[run],
            worst=worst,
            passed=stage.passed and (worst is None or worst.passed or not stage.judged),
        )

    def with_here(self, run: Run) -> StageResult:
        """A file on the device against the same file on this machine."""
        figures = compare_all(self.here.outputs(_here(run)), self.there.outputs(run))
        if _is_int8(run):
            bounds = self._int8_bounds(run)
        else:
            bounds = tuple(Threshold("relative_error", limit) for limit in self.judge.apart())
            made = self.there.outputs(run)
            figures, bounds = whole_numbers.of_float(self.expected, made, figures, bounds)
        name = f"{run[0]}: {self.device} against here"
        return self._stage(name, f"{run[0]} here", run, figures, bounds)

    def _int8_bounds(self, run: Run) -> tuple[Threshold, ...]:
        """How far an int8 file may be from its run here, each output; none without a floor."""
        if not all(run in self.here for run in _FLOOR):
            return ()
        floors = compare_all(*map(self.here.outputs, _FLOOR))
        own = self.here.figures(_here(run)), self.there.figures(run)
        return tuple(pair_bound(self.thresholds, *f) for f in zip(floors, *own, strict=True))

    def _stage(
        self,
        name: str,
        a: str,
        run: Run,
        figures: tuple[Figures, ...],
        bounds: tuple[Threshold, ...],
    ) -> StageResult:
        note = ""
        if _is_int8(run) and not self.expected.trained:
            note = "untrained weights: not judged end to end"
        if not bounds:
            note = "no floor to judge by: the bundle holds no int8.tflite that runs on both kernels"
        return StageResult(
            name=name,
            a=a,
            b=f"{run[0]} on {self.device}",
            figures=figures,
            thresholds=bounds,
            passed=bool(note) or all(map(Threshold.met_by, bounds, figures)),
            judged=not note,
            note=note,
            outputs=self.there.names,
        )
