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
from edgeconv.runtime.adapt import Images
from edgeconv.runtime.metrics import Figures, FloatArray
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import EngineName, Opener
from edgeconv.verify.parity import device_operators
from edgeconv.verify.parity.device_operators import OperatorIdentity
from edgeconv.verify.parity.float64 import Float64Source, FloatJudge, none_known
from edgeconv.verify.parity.golden_runs import GoldenRuns, Run, compare_all
from edgeconv.verify.parity.output_parts import OutputParts
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
    images: Images,
    references: Mapping[str, FloatArray],
    opener: Opener,
    *,
    device: str,
    engines: tuple[EngineName, ...],
    trained: bool,
    thresholds: Thresholds = DEFAULTS,
    parts: Mapping[str, OutputParts] | None = None,
    float64: Float64Source = none_known,
) -> DeviceParity:
    """Runs every file that the device's engines open there and here, and compares.

    Args:
        artifacts: "onnx", "tflite", "int8.onnx", "int8.tflite" to the file.
        images: the golden photos.
        references: the float net's outputs for them by name.
        opener: opens files on the device.
        device: its name, for the stages' names.
        engines: those of the device.
        trained: without trained weights int8 logits are noise, and their stages only inform.
        thresholds: the bounds.
        parts: how each output is told apart.
        float64: PyTorch's float64 result, where the export had to ask for it.

    Raises:
        UsageError: no file is one of the device's engines.
        ArtifactRefused, DeviceFailed, UnavailableError: as the sessions.
    """
    runs: list[Run] = [
        (name, "default") for name, path in artifacts.items() if engine_of(path) in engines
    ]
    if not runs:
        raise UsageError(f"the bundle holds no file for {', '.join(engines)}, which {device} has")
    there = GoldenRuns(artifacts, images, references, runs, opener, parts)
    wanted = dict.fromkeys([*map(_here, runs), *(_FLOOR if "int8.tflite" in artifacts else ())])
    here = GoldenRuns(artifacts, images, references, wanted)
    judge = FloatJudge(
        references=references,
        bound=Threshold("relative_error", thresholds.device_float_error),
        factor=thresholds.float32_factor,
        float64=float64,
        files=tuple(path for name, path in artifacts.items() if name in ("onnx", "tflite")),
    )
    stages = (
        *(_against_reference(run, there, device, trained, thresholds, judge) for run in runs),
        *(_against_here(run, there, here, device, trained, thresholds, judge) for run in runs),
    )
    started = time.perf_counter()
    operators = device_operators.check(artifacts, images, opener, engines)
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


def _against_reference(
    run: Run,
    there: GoldenRuns,
    device: str,
    trained: bool,
    thresholds: Thresholds,
    judge: FloatJudge,
) -> StageResult:
    figures, note = there.figures(run), ""
    bounds = (thresholds.of_rounded(run[0]),) * len(figures)
    if not _is_int8(run):
        found = judge.judge(run, there.outputs(run), figures)
        figures, bounds, note = found.figures, found.thresholds, found.note
    stage = _stage(f"{run[0]} on {device}", "reference", run, device, figures, bounds, trained)
    worst = there.worst_part(run, loosest(bounds))
    return replace(
        stage,
        note=stage.note or note,
        outputs=there.names,
        seconds=there.seconds[run],
        worst=worst,
        passed=stage.passed and (worst is None or worst.passed or not stage.judged),
    )


def _against_here(
    run: Run,
    there: GoldenRuns,
    here: GoldenRuns,
    device: str,
    trained: bool,
    thresholds: Thresholds,
    judge: FloatJudge,
) -> StageResult:
    figures = compare_all(here.outputs(_here(run)), there.outputs(run))
    if _is_int8(run):
        bounds = _int8_bounds(run, there, here, thresholds)
    else:
        bounds = tuple(Threshold("relative_error", limit) for limit in judge.apart())
    name = f"{run[0]}: {device} against here"
    stage = _stage(name, f"{run[0]} here", run, device, figures, bounds, trained)
    return replace(stage, outputs=there.names)


def _int8_bounds(
    run: Run, there: GoldenRuns, here: GoldenRuns, thresholds: Thresholds
) -> tuple[Threshold, ...]:
    """How far an int8 file may be from its run here, for each output; none without a floor."""
    if not all(run in here for run in _FLOOR):
        return ()
    floors = compare_all(*map(here.outputs, _FLOOR))
    return tuple(
        pair_bound(thresholds, *found)
        for found in zip(floors, here.figures(_here(run)), there.figures(run), strict=True)
    )


def _stage(
    name: str,
    a: str,
    run: Run,
    device: str,
    figures: tuple[Figures, ...],
    bounds: tuple[Threshold, ...],
    trained: bool,
) -> StageResult:
    note = "" if trained or not _is_int8(run) else "untrained weights: not judged end to end"
    if not bounds:
        note = "no floor to judge by: the bundle holds no int8.tflite that runs on both kernels"
    return StageResult(
        name=name,
        a=a,
        b=f"{run[0]} on {device}",
        figures=figures,
        thresholds=bounds,
        passed=bool(note) or all(map(Threshold.met_by, bounds, figures)),
        judged=not note,
        note=note,
    )
