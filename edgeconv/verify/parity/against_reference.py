"""Every artifact of a bundle against the float reference, stage by stage.

    reference -> onnx                       float error
              -> tflite, XNNPACK            float error
              -> tflite, reference kernels  float error, on the first photo: they are slow
              -> int8.onnx                  SQNR, optimizations on (where this CPU can) and off
              -> int8.tflite                SQNR, XNNPACK and reference kernels
    int8.tflite -> int8.onnx                SQNR
    reference -> float16                    float error
              -> the other precisions       SQNR

int8 nets are not bit-identical end to end even when the same file runs on two sets of kernels; how
far the two int8 files may be apart says `pair`. Where a float file misses its bound, what float32
can hold decides (`float64`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from edgeconv.errors import UsageError
from edgeconv.quantize.plan.precision import PRECISION_NAMES
from edgeconv.runtime.metrics import Figures
from edgeconv.runtime.open import open_session
from edgeconv.runtime.saturation import WARNING as SATURATION_WARNING
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import Opener
from edgeconv.verify.parity import as_exported, whole_numbers
from edgeconv.verify.parity.expected import Expected, Outputs, Run
from edgeconv.verify.parity.float64 import FloatJudge
from edgeconv.verify.parity.golden_runs import GoldenRuns, compare_all, is_fast
from edgeconv.verify.parity.pair import enlarged, further, pair_bound
from edgeconv.verify.parity.stages import ParityReport, StageResult
from edgeconv.verify.thresholds import DEFAULTS, Threshold, Thresholds, loosest

#: Precisions between float32 and int8.
_BETWEEN = tuple(name for name in PRECISION_NAMES if name != "int8")
ARTIFACTS: tuple[str, ...] = (
    "onnx",
    "tflite",
    *(f"{name}.{suffix}" for name in PRECISION_NAMES for suffix in ("onnx", "tflite")),
)

_FLOAT_RUNS: tuple[Run, ...] = (
    ("onnx", "default"),
    ("tflite", "default"),
    ("tflite", "reference"),
)
_INT8_RUNS: tuple[Run, ...] = (
    ("int8.onnx", "default"),
    ("int8.onnx", "reference"),
    ("int8.tflite", "default"),
    ("int8.tflite", "reference"),
)
_BETWEEN_RUNS: tuple[Run, ...] = tuple(
    run
    for name in _BETWEEN
    for run in (
        (f"{name}.onnx", "default"),
        (f"{name}.tflite", "default"),
        (f"{name}.tflite", "reference"),
    )
)
#: Runs whose kernels add in 16 bits on some CPUs, and why they are left out there. The products of
#: dynamic-int8 are those of such a kernel with optimizations or without.
_SATURATED: Mapping[Run, str] = {
    _INT8_RUNS[0]: "not run with graph optimizations: this CPU's int8 kernels saturate",
    ("dynamic-int8.onnx", "default"): "not run: this CPU's int8 kernels saturate",
}
_PAIR_RUNS = _INT8_RUNS[1:]

#: Name of the stage that compares the two int8 files end to end.
PAIR = "int8.onnx against int8.tflite"
_UNTRAINED_NOTE = "untrained weights: not judged end to end, accuracy not assessed"


def check(
    artifacts: Mapping[str, Path],
    expected: Expected,
    thresholds: Thresholds = DEFAULTS,
    opener: Opener = open_session,
    *,
    slowly: bool = True,
) -> ParityReport:
    """Runs every artifact on the golden photos and compares.

    Args:
        artifacts: "onnx", "tflite", "int8.onnx", "float16.tflite", ... (a leading "model." is
            allowed) to the file; any of them may be missing.
        expected: what they are held against.
        thresholds: the bounds.
        opener: opens the files.
        slowly: whether LiteRT's reference kernels run, too.

    Raises:
        UsageError: no artifact, an unknown name, or outputs that do not fit the reference.
        ArtifactRefused: an engine cannot load or run a file.
        UnavailableError: an engine is not installed.
    """
    paths = _by_name(artifacts)
    saturated = _saturated(paths)
    wanted = _at_hand((*_FLOAT_RUNS, *_INT8_RUNS, *_BETWEEN_RUNS), paths)
    runs = GoldenRuns(paths, expected, filter(None if slowly else is_fast, wanted), opener)
    judge = FloatJudge(
        expected,
        bound=thresholds.of_float(expected.depth),
        factor=thresholds.float32_factor,
        files=tuple(path for name, path in paths.items() if name in ("onnx", "tflite")),
    )
    in_float = partial(_float_stage, runs, judge)
    rounded = partial(_rounded_stage, runs, thresholds, expected)
    stages = (
        *_stages(_FLOAT_RUNS, runs, in_float, saturated),
        *_stages(_INT8_RUNS, runs, rounded, saturated),
        *_pair_stage(runs, thresholds, trained=expected.trained),
        *_stages(_BETWEEN_RUNS, runs, rounded, saturated),
    )
    return ParityReport(stages, (SATURATION_WARNING,) if saturated else (), runs.interfaces)


def outputs_of_integers(artifacts: Mapping[str, Path], expected: Expected) -> dict[Run, Outputs]:
    """What each file but the float32 ones gives for the photos: see `as_exported`.

    Arguments and errors as `check`.
    """
    paths = _by_name(artifacts)
    wanted = _at_hand((*_INT8_RUNS, *_BETWEEN_RUNS), paths)
    runs = GoldenRuns(paths, expected, wanted)
    return {run: runs.outputs(run) for run in wanted if run in runs}


def app_runs(artifacts: Mapping[str, Path]) -> list[Run]:
    """Of each file the kernels that an app gets; of one that saturates on them here the others.

    A file of which there are no others is left out.
    """
    paths = _by_name(artifacts)
    runs = _at_hand((*_FLOAT_RUNS, *_INT8_RUNS, *_BETWEEN_RUNS), paths)
    first = dict(reversed(runs))
    return [(artifact, first[artifact]) for artifact in paths if artifact in first]


def _at_hand(runs: Iterable[Run], paths: Mapping[str, Path]) -> list[Run]:
    """The runs of files that are there, but for those whose kernels saturate on this CPU."""
    saturated = _saturated(paths)
    return [run for run in runs if run[0] in paths and run not in saturated]


def _saturated(paths: Mapping[str, Path]) -> Mapping[Run, str]:
    may_saturate = any(artifact in paths for artifact, _ in _SATURATED)
    return _SATURATED if may_saturate and int8_convolution_saturates() else {}


def _stages(
    wanted: tuple[Run, ...],
    runs: GoldenRuns,
    judged: Callable[[Run], StageResult],
    saturated: Mapping[Run, str],
) -> Iterator[StageResult]:
    """A stage for each run of a file that is there, with the reason where it was not run."""
    for run in wanted:
        why = runs.left_out.get(run) or (saturated.get(run) if run[0] in runs.artifacts else None)
        if run in runs:
            yield judged(run)
        elif why is not None:
            yield StageResult(_label(run), "reference", _label(run), judged=False, note=why)


def _float_stage(runs: GoldenRuns, judge: FloatJudge, run: Run) -> StageResult:
    found = judge.judge(run, runs.outputs(run), runs.figures(run))
    return _stage(run, runs, found.figures, found.thresholds, found.note)


def _pair_stage(
    runs: GoldenRuns, thresholds: Thresholds, *, trained: bool
) -> Iterator[StageResult]:
    """The two int8 files against each other, each output by its own bound."""
    onnx, tflite, tflite_reference = _PAIR_RUNS
    if not (onnx in runs and tflite in runs and tflite_reference in runs):
        return
    started = time.perf_counter()
    slow = runs.outputs(tflite_reference)
    photos = len(slow[0])
    fast, other = ([output[:photos] for output in runs.outputs(run)] for run in (tflite, onnx))
    floors, figures = compare_all(fast, slow), compare_all(fast, other)
    own = [runs.figures(run, photos) for run in (tflite, onnx)]
    bounds = tuple(map(partial(pair_bound, thresholds), floors, *own))
    floor = ", ".join(f"{f.sqnr_db:.1f}" for f in floors)
    note = f"floor {floor} dB: XNNPACK against the reference kernels on int8.tflite"
    if decided := enlarged(runs.names, floors, thresholds.int8_sqnr_db):
        note += f"; {decided}"
    for index, (bound, found) in enumerate(zip(bounds, figures, strict=True)):
        if not bound.met_by(found):
            which = f"{runs.names[index]}: " if len(figures) > 1 else ""
            note += f"; {which}{further(own[0][index], own[1][index], (tflite[0], onnx[0]))}"
    judged = trained or not _finite(figures)
    yield StageResult(
        name=PAIR,
        a=_label(tflite),
        b=_label(onnx),
        figures=figures,
        thresholds=bounds,
        passed=not judged or all(map(Threshold.met_by, bounds, figures)),
        judged=judged,
        note=note if trained else f"{note}; {_UNTRAINED_NOTE}",
        outputs=runs.names,
        seconds=time.perf_counter() - started,
    )


def _rounded_stage(
    runs: GoldenRuns, thresholds: Thresholds, expected: Expected, run: Run
) -> StageResult:
    """A run against the reference; without trained weights it only informs, unless it broke."""
    if expected.as_exported:
        return as_exported.stage(_label(run), run, runs, expected, thresholds)
    trained = expected.trained
    figures = runs.figures(run)
    bounds = whole_numbers.of_rounded(expected, figures, thresholds.of_rounded(run[0]))
    stage = _stage(run, runs, figures, bounds, "" if trained else _UNTRAINED_NOTE)
    judged = trained or not _finite(figures)
    return replace(stage, judged=judged, passed=not judged or stage.passed)


def _stage(
    run: Run,
    runs: GoldenRuns,
    figures: tuple[Figures, ...],
    bounds: tuple[Threshold, ...],
    note: str,
) -> StageResult:
    worst = runs.worst_part(run, loosest(bounds))
    met = all(map(Threshold.met_by, bounds, figures))
    return StageResult(
        name=_label(run),
        a="reference",
        b=_label(run),
        figures=figures,
        thresholds=bounds,
        passed=met and (worst is None or worst.passed),
        note=note,
        outputs=runs.names,
        worst=worst,
        seconds=runs.seconds[run],
    )


def _label(run: Run) -> str:
    artifact, kernels = run
    if kernels == "default":
        return artifact
    return f"{artifact} ({'optimizations off' if 'onnx' in artifact else 'reference kernels'})"


def artifact_of(stage: str) -> str:
    """The file that a stage of one run is of, by its name; of other stages the name itself."""
    return stage.partition(" (")[0]


def _finite(figures: tuple[Figures, ...]) -> bool:
    return all(f.finite for f in figures)


def _by_name(artifacts: Mapping[str, Path]) -> dict[str, Path]:
    """The artifacts in the order of the stages, under their short names."""
    short = {name.removeprefix("model."): path for name, path in artifacts.items()}
    unknown = set(short) - set(ARTIFACTS)
    if unknown or not short:
        raise UsageError(
            f"parity knows {', '.join(ARTIFACTS)}, not {', '.join(sorted(unknown)) or 'nothing'}"
        )
    return {name: short[name] for name in ARTIFACTS if name in short}
