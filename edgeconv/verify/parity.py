"""Every artifact of a bundle against the float reference, stage by stage.

    reference -> onnx                       float error
              -> tflite, XNNPACK            float error
              -> tflite, reference kernels  float error
              -> int8.onnx                  SQNR, optimizations on (where this CPU can) and off
              -> int8.tflite                SQNR, XNNPACK and reference kernels
    int8.tflite -> int8.onnx                SQNR, at least the floor

int8 nets are not bit-identical end to end even when the same file runs on two sets of kernels: the
*floor* is the SQNR between XNNPACK and LiteRT's reference kernels on the int8 TFLite file, and the
int8 ONNX file must lie no further from it than that, less a small slack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeconv.errors import UsageError
from edgeconv.runtime.adapt import Images, run_outputs
from edgeconv.runtime.metrics import Figures, FloatArray, compare
from edgeconv.runtime.open import open_session
from edgeconv.runtime.saturation import WARNING as SATURATION_WARNING
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import Kernels, Session, SessionOptions
from edgeconv.verify.stages import ParityReport, StageResult, Threshold

__all__ = ["ARTIFACTS", "ParityReport", "StageResult", "Threshold", "Thresholds", "check"]

ArtifactName = Literal["onnx", "tflite", "int8.onnx", "int8.tflite"]
ARTIFACTS: tuple[ArtifactName, ...] = ("onnx", "tflite", "int8.onnx", "int8.tflite")

Outputs = list[FloatArray]

_UNTRAINED_NOTE = "untrained weights: not judged end to end, accuracy not assessed"
_SATURATED_NOTE = "not run with graph optimizations: this CPU's int8 kernels saturate"


@dataclass(frozen=True)
class Thresholds:
    """The bounds parity judges by; docs call them "what equal means".

    Attributes:
        float_error: largest error of a float file, as a share of the largest reference logit.
        deep_float_error: the same for nets with more than `deep_layers` layers.
        deep_layers: where a net counts as deep.
        int8_sqnr_db: least SQNR of an int8 file's logits against the float reference.
        pair_slack_db: how far below the floor the two int8 files may lie from each other.
        pair_ceiling_db: the floor counts as at most this: where a small net runs identically on
            both sets of kernels the floor is infinite and says nothing about the other file, and
            one output step on a tenth of the logits alone is already 40 dB.
    """

    float_error: float = 1e-5
    deep_float_error: float = 1e-4
    deep_layers: int = 50
    int8_sqnr_db: float = 10.0
    pair_slack_db: float = 1.0
    pair_ceiling_db: float = 40.0

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
    extra_stages: Sequence[StageResult] = (),
) -> ParityReport:
    """Runs every artifact on the golden photos and compares.

    Args:
        artifacts: "onnx", "tflite", "int8.onnx", "int8.tflite" (a leading "model." is allowed) to
            the file; any of them may be missing.
        images: the golden photos.
        references: the float net's outputs for them by name, (N, ...) each, or its one output.
        depth: layers with weights of the net, which decides the float bound.
        trained: without trained weights int8 logits are noise, and the int8 stages only inform.
        thresholds: the bounds.
        extra_stages: results from elsewhere (the check operator by operator), appended.

    Raises:
        UsageError: no artifact, an unknown name, or outputs that do not fit the reference.
        ArtifactRefused: an engine cannot load or run a file.
        UnavailableError: an engine is not installed.
    """
    bounds = thresholds or Thresholds()
    if not isinstance(references, Mapping):
        references = {"logits": references}
    runs = _Runs(_by_name(artifacts), images, references)
    saturates = "int8.onnx" in runs.paths and int8_convolution_saturates()
    stages = (
        *_float_stages(runs, bounds.float_bound(depth)),
        *_int8_stages(runs, bounds.int8_sqnr_db, trained=trained, saturates=saturates),
        *_pair_stage(runs, bounds, trained=trained),
        *extra_stages,
    )
    return ParityReport(stages, (SATURATION_WARNING,) if saturates else ())


class _Runs:
    """The outputs of each artifact on each set of kernels, each computed once."""

    def __init__(
        self, paths: Mapping[str, Path], images: Images, references: Mapping[str, FloatArray]
    ) -> None:
        self.paths = paths
        self._references = references
        self._images = images
        self._done: dict[tuple[str, Kernels], Outputs] = {}

    def outputs(self, artifact: str, kernels: Kernels) -> Outputs:
        """What the file gives, in the reference's order and layout."""
        key = (artifact, kernels)
        if key not in self._done:
            session = open_session(self.paths[artifact], SessionOptions(kernels=kernels))
            self._done[key] = _in_order(
                self._references, session, run_outputs(session, self._images)
            )
        return self._done[key]

    def figures(self, artifact: str, kernels: Kernels) -> tuple[Figures, ...]:
        """One for each output, against the reference."""
        return _compare_all(list(self._references.values()), self.outputs(artifact, kernels))


def _in_order(references: Mapping[str, FloatArray], session: Session, outputs: Outputs) -> Outputs:
    """A file's outputs by the reference's names; by position where the file has other names."""
    if len(outputs) != len(references):
        raise UsageError(
            f"a {session.engine} file has {len(outputs)} outputs, the reference {len(references)}"
        )
    if session.engine == "litert":
        outputs = [_nchw(output) for output in outputs]
    named = dict(zip((spec.name for spec in session.outputs), outputs, strict=True))
    if set(named) == set(references):
        return [named[name] for name in references]
    return outputs


def _float_stages(runs: _Runs, limit: float) -> Iterator[StageResult]:
    bound = Threshold("relative_error", limit)
    kernels: dict[str, tuple[Kernels, ...]] = {
        "onnx": ("default",),
        "tflite": ("default", "reference"),
    }
    for artifact in runs.paths:
        for kernel in kernels.get(artifact, ()):
            figures = runs.figures(artifact, kernel)
            yield _judged(_label(artifact, kernel), figures, bound, trained=True)


def _int8_stages(
    runs: _Runs, limit: float, *, trained: bool, saturates: bool
) -> Iterator[StageResult]:
    bound = Threshold("sqnr_db", limit)
    both: tuple[Kernels, ...] = ("default", "reference")
    for artifact in ("int8.onnx", "int8.tflite"):
        if artifact not in runs.paths:
            continue
        for kernel in both:
            label = _label(artifact, kernel)
            if artifact == "int8.onnx" and kernel == "default" and saturates:
                yield StageResult(label, "reference", label, note=_SATURATED_NOTE)
                continue
            figures = runs.figures(artifact, kernel)
            yield _judged(label, figures, bound, trained=trained)


def _pair_stage(runs: _Runs, thresholds: Thresholds, *, trained: bool) -> Iterator[StageResult]:
    """The two int8 files against each other, judged by the floor of each output."""
    if not {"int8.onnx", "int8.tflite"} <= set(runs.paths):
        return
    xnnpack = runs.outputs("int8.tflite", "default")
    floors = _compare_all(xnnpack, runs.outputs("int8.tflite", "reference"))
    figures = _compare_all(xnnpack, runs.outputs("int8.onnx", "reference"))
    bounds = tuple(
        Threshold("sqnr_db", min(f.sqnr_db, thresholds.pair_ceiling_db) - thresholds.pair_slack_db)
        for f in floors
    )
    passed = all(b.met_by(f) for b, f in zip(bounds, figures, strict=True))
    floor = ", ".join(f"{f.sqnr_db:.1f}" for f in floors)
    note = f"floor {floor} dB: XNNPACK against the reference kernels on int8.tflite"
    yield StageResult(
        name="int8.onnx against int8.tflite",
        a=_label("int8.tflite", "default"),
        b=_label("int8.onnx", "reference"),
        figures=figures,
        thresholds=bounds,
        passed=passed if trained or not _finite(figures) else None,
        note=note if trained else f"{note}; {_UNTRAINED_NOTE}",
    )


def _judged(
    label: str, figures: tuple[Figures, ...], bound: Threshold, *, trained: bool
) -> StageResult:
    return StageResult(
        name=label,
        a="reference",
        b=label,
        figures=figures,
        thresholds=(bound,) * len(figures),
        passed=all(map(bound.met_by, figures)) if trained or not _finite(figures) else None,
        note="" if trained else _UNTRAINED_NOTE,
    )


def _label(artifact: str, kernels: Kernels) -> str:
    if kernels == "default":
        return artifact
    return f"{artifact} ({'optimizations off' if 'onnx' in artifact else 'reference kernels'})"


def _compare_all(references: Outputs, others: Outputs) -> tuple[Figures, ...]:
    return tuple(compare(a, b) for a, b in zip(references, others, strict=True))


def _finite(figures: tuple[Figures, ...]) -> bool:
    return all(f.finite for f in figures)


def _nchw(array: FloatArray) -> FloatArray:
    """A TFLite file's feature map in the reference's layout."""
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def _by_name(artifacts: Mapping[str, Path]) -> dict[str, Path]:
    """The artifacts in the order of the stages, under their short names."""
    short = {name.removeprefix("model."): path for name, path in artifacts.items()}
    unknown = set(short) - set(ARTIFACTS)
    if unknown or not short:
        raise UsageError(
            f"parity knows {', '.join(ARTIFACTS)}, not {', '.join(sorted(unknown)) or 'nothing'}"
        )
    return {name: short[name] for name in ARTIFACTS if name in short}
