"""Every artifact of a bundle against the float reference, stage by stage.

    reference -> onnx                       float error
              -> tflite, XNNPACK            float error
              -> tflite, reference kernels  float error, on the first two photos: they are slow
              -> int8.onnx                  SQNR, optimizations on (where this CPU can) and off
              -> int8.tflite                SQNR, XNNPACK and reference kernels
    int8.tflite -> int8.onnx                SQNR, at least the floor
    reference -> float16                    float error
              -> the other precisions       SQNR

int8 nets are not bit-identical end to end even when the same file runs on two sets of kernels: the
*floor* is the SQNR between XNNPACK and LiteRT's reference kernels on the int8 TFLite file, and the
int8 ONNX file must lie no further from it than that, less a small slack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeconv.errors import UsageError
from edgeconv.quantize.precision import PRECISION_NAMES
from edgeconv.runtime.adapt import Images
from edgeconv.runtime.metrics import Figures, FloatArray
from edgeconv.runtime.saturation import WARNING as SATURATION_WARNING
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.verify.golden_runs import GoldenRuns, Run, compare_all
from edgeconv.verify.output_parts import OutputParts
from edgeconv.verify.stages import ParityReport, StageResult, Threshold

__all__ = ["ARTIFACTS", "ParityReport", "StageResult", "Threshold", "Thresholds", "check"]

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
_SATURATED_RUN = _INT8_RUNS[0]
#: Its products are those of the kernel that saturates, with optimizations or without.
_SATURATED_DYNAMIC_RUN: Run = ("dynamic-int8.onnx", "default")
_PAIR_RUNS = _INT8_RUNS[1:]

_UNTRAINED_NOTE = "untrained weights: not judged end to end, accuracy not assessed"
_SATURATED_DYNAMIC_NOTE = "not run: this CPU's int8 kernels saturate"
_SATURATED_NOTE = "not run with graph optimizations: this CPU's int8 kernels saturate"


@dataclass(frozen=True)
class Thresholds:
    """The bounds parity judges by; docs call them "what equal means".

    Attributes:
        float_error: largest error of a float file, as a share of the largest reference logit.
        deep_float_error: the same for nets with more than `deep_layers` layers.
        deep_layers: where a net counts as deep.
        int8_sqnr_db: least SQNR of an int8 file's logits against the float reference.
        float16_error: largest error of a float16 file, as a share of the largest reference logit;
            constants rounded to eleven bits make 6e-3 in MobileNetV2.
        pair_slack_db: how far below the floor the two int8 files may lie from each other.
        pair_ceiling_db: the floor counts as at most this: where a small net runs identically on
            both sets of kernels the floor is infinite and says nothing about the other file, and
            one output step on a tenth of the logits alone is already 40 dB.
    """

    float_error: float = 1e-5
    deep_float_error: float = 1e-4
    deep_layers: int = 50
    int8_sqnr_db: float = 10.0
    float16_error: float = 2e-2
    pair_slack_db: float = 1.0
    pair_ceiling_db: float = 40.0

    def __post_init__(self) -> None:
        """Raises UsageError where a bound is no finite number."""
        for name, value in vars(self).items():
            if not math.isfinite(value):
                raise UsageError(f"the bound of {name} is {value}; it must be a finite number")

    @classmethod
    def of(cls, *, float_error: float | None, int8_sqnr_db: float) -> Thresholds:
        """The default bounds but for those given; a float error holds for deep nets too."""
        if float_error is None:
            return cls(int8_sqnr_db=int8_sqnr_db)
        return cls(float_error=float_error, deep_float_error=float_error, int8_sqnr_db=int8_sqnr_db)

    def float_bound(self, depth: int) -> float:
        """The float error allowed for a net of `depth` layers."""
        return self.deep_float_error if depth > self.deep_layers else self.float_error


def check(
    artifacts: Mapping[str, Path],
    images: Images,
    references: Mapping[str, FloatArray] | FloatArray,
    *,
    depth: int = 0,
    trained: bool = True,
    thresholds: Thresholds | None = None,
    parts: Mapping[str, OutputParts] | None = None,
) -> ParityReport:
    """Runs every artifact on the golden photos and compares.

    Args:
        artifacts: "onnx", "tflite", "int8.onnx", "float16.tflite", ... (a leading "model." is
            allowed) to the file; any of them may be missing.
        images: the golden photos.
        references: the float net's outputs for them by name, (N, ...) each, or its one output.
        depth: layers with weights of the net, which decides the float bound.
        trained: without trained weights int8 logits are noise, and the int8 stages only inform.
        thresholds: the bounds.
        parts: how each output is told apart; by default they are judged whole.

    Raises:
        UsageError: no artifact, an unknown name, or outputs that do not fit the reference.
        ArtifactRefused: an engine cannot load or run a file.
        UnavailableError: an engine is not installed.
    """
    bounds = thresholds or Thresholds()
    paths = _by_name(artifacts)
    saturates = (
        not paths.keys().isdisjoint({_SATURATED_RUN[0], _SATURATED_DYNAMIC_RUN[0]})
        and int8_convolution_saturates()
    )
    wanted = [
        run
        for run in (*_FLOAT_RUNS, *_INT8_RUNS, *_BETWEEN_RUNS)
        if run[0] in paths and not (saturates and run in (_SATURATED_RUN, _SATURATED_DYNAMIC_RUN))
    ]
    named = _named(references, len(images))
    runs = GoldenRuns(paths, images, named, wanted, parts=parts)
    stages = (
        *_float_stages(runs, bounds.float_bound(depth)),
        *_int8_stages(runs, bounds.int8_sqnr_db, trained=trained, saturates=saturates),
        *_pair_stage(runs, bounds, trained=trained),
        *_between_stages(runs, bounds, trained=trained, saturates=saturates),
    )
    return ParityReport(stages, (SATURATION_WARNING,) if saturates else ())


def _float_stages(runs: GoldenRuns, limit: float) -> Iterator[StageResult]:
    bound = Threshold("relative_error", limit)
    for run in _FLOAT_RUNS:
        if run in runs:
            yield _judged(run, runs, bound, trained=True)
        elif run in runs.left_out:
            yield _not_run(run, runs.left_out[run])


def _int8_stages(
    runs: GoldenRuns, limit: float, *, trained: bool, saturates: bool
) -> Iterator[StageResult]:
    bound = Threshold("sqnr_db", limit)
    for run in _INT8_RUNS:
        if run in runs:
            yield _judged(run, runs, bound, trained=trained)
        elif run in runs.left_out:
            yield _not_run(run, runs.left_out[run])
        elif saturates and run == _SATURATED_RUN:
            yield _not_run(run, _SATURATED_NOTE)


def _between_stages(
    runs: GoldenRuns, thresholds: Thresholds, *, trained: bool, saturates: bool
) -> Iterator[StageResult]:
    """float16 by its error, for it is near float; the others as int8 files are."""
    for run in _BETWEEN_RUNS:
        bound = Threshold("sqnr_db", thresholds.int8_sqnr_db)
        if run[0].startswith("float16"):
            bound = Threshold("relative_error", thresholds.float16_error)
        if run in runs:
            yield _judged(run, runs, bound, trained=trained)
        elif run in runs.left_out:
            yield _not_run(run, runs.left_out[run])
        elif saturates and run == _SATURATED_DYNAMIC_RUN and run[0] in runs.artifacts:
            yield _not_run(run, _SATURATED_DYNAMIC_NOTE)


def _pair_stage(
    runs: GoldenRuns, thresholds: Thresholds, *, trained: bool
) -> Iterator[StageResult]:
    """The two int8 files against each other, judged by the floor of each output."""
    onnx, tflite, tflite_reference = _PAIR_RUNS
    if not (onnx in runs and tflite in runs and tflite_reference in runs):
        return
    slow = runs.outputs(tflite_reference)
    photos = len(slow[0])
    fast, other = ([output[:photos] for output in runs.outputs(run)] for run in (tflite, onnx))
    floors, figures = compare_all(fast, slow), compare_all(fast, other)
    bounds = tuple(
        Threshold("sqnr_db", min(f.sqnr_db, thresholds.pair_ceiling_db) - thresholds.pair_slack_db)
        for f in floors
    )
    passed = all(b.met_by(f) for b, f in zip(bounds, figures, strict=True))
    floor = ", ".join(f"{f.sqnr_db:.1f}" for f in floors)
    note = f"floor {floor} dB: XNNPACK against the reference kernels on int8.tflite"
    yield StageResult(
        name="int8.onnx against int8.tflite",
        a=_label(tflite),
        b=_label(onnx),
        figures=figures,
        thresholds=bounds,
        passed=passed if trained or not _finite(figures) else None,
        note=note if trained else f"{note}; {_UNTRAINED_NOTE}",
        outputs=runs.names,
    )


def _judged(run: Run, runs: GoldenRuns, bound: Threshold, *, trained: bool) -> StageResult:
    figures = runs.figures(run)
    worst = runs.worst_part(run, bound)
    passed = all(map(bound.met_by, figures)) and (worst is None or worst.passed)
    return StageResult(
        name=_label(run),
        a="reference",
        b=_label(run),
        figures=figures,
        thresholds=(bound,) * len(figures),
        passed=passed if trained or not _finite(figures) else None,
        note="" if trained else _UNTRAINED_NOTE,
        outputs=runs.names,
        worst=worst,
    )


def _not_run(run: Run, why: str) -> StageResult:
    return StageResult(_label(run), "reference", _label(run), note=why)


def _label(run: Run) -> str:
    artifact, kernels = run
    if kernels == "default":
        return artifact
    return f"{artifact} ({'optimizations off' if 'onnx' in artifact else 'reference kernels'})"


def _finite(figures: tuple[Figures, ...]) -> bool:
    return all(f.finite for f in figures)


def _named(
    references: Mapping[str, FloatArray] | FloatArray, photos: int
) -> Mapping[str, FloatArray]:
    """The references by name, one row for each photo."""
    named = references if isinstance(references, Mapping) else {"logits": references}
    for name, array in named.items():
        if photos == 0 or len(array) != photos:
            raise UsageError(f"the reference {name} has {len(array)} rows for {photos} photo(s)")
    return named


def _by_name(artifacts: Mapping[str, Path]) -> dict[str, Path]:
    """The artifacts in the order of the stages, under their short names."""
    short = {name.removeprefix("model."): path for name, path in artifacts.items()}
    unknown = set(short) - set(ARTIFACTS)
    if unknown or not short:
        raise UsageError(
            f"parity knows {', '.join(ARTIFACTS)}, not {', '.join(sorted(unknown)) or 'nothing'}"
        )
    return {name: short[name] for name in ARTIFACTS if name in short}
