"""Everything edgeconv checks of a bundle's files: end to end, and operator by operator."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from edgeconv.runtime.adapt import Samples
from edgeconv.verify.parity import against_reference, operators
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.operators import KeptTensors
from edgeconv.verify.parity.pair import further
from edgeconv.verify.parity.stages import ParityReport, StageResult
from edgeconv.verify.thresholds import DEFAULTS, Thresholds

#: Photos for the check operator by operator: every value of every tensor is a sample there.
OPERATOR_PHOTOS = 1


def check(
    artifacts: Mapping[str, Path], expected: Expected, thresholds: Thresholds = DEFAULTS
) -> ParityReport:
    """Parity of every artifact, then the two int8 files on identical integers.

    Without trained weights the int8 files are judged operator by operator alone. Arguments and
    errors as `against_reference.check`.
    """
    if not {"int8.onnx", "int8.tflite"} <= set(artifacts):
        return against_reference.check(artifacts, expected, thresholds)
    tflite = KeptTensors(artifacts["int8.tflite"])
    images = expected.images[:OPERATOR_PHOTOS]
    with ThreadPoolExecutor(1) as beside:
        stage = beside.submit(_operator_stage, artifacts["int8.onnx"], tflite, images, thresholds)
        report = against_reference.check(artifacts, expected, thresholds, tflite.opener)
        return replace(report, stages=(*report.stages, _naming(stage.result(), report)))


def _naming(stage: StageResult, report: ParityReport) -> StageResult:
    """A failed stage with the file that is likely wrong: the one further from float."""
    found = {s.name: s for s in report.stages}
    files = "int8.onnx (optimizations off)", "int8.tflite"
    if stage.passed or not all(name in found for name in files):
        return stage
    worst = [min(found[name].figures, key=lambda f: f.sqnr_db) for name in files]
    names = "int8.onnx", "int8.tflite"
    return replace(stage, note=f"{stage.note}; {further(worst[0], worst[1], names)}")


def _operator_stage(
    int8_onnx: Path, tflite: KeptTensors, images: Samples, thresholds: Thresholds
) -> StageResult:
    started = time.perf_counter()
    stage = operators.check(int8_onnx, tflite, images).stage(thresholds)
    return replace(stage, seconds=time.perf_counter() - started)
