"""Everything edgeconv checks of a bundle's files: end to end, and operator by operator."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.errors import UnavailableError
from edgeconv.files.read import is_readable
from edgeconv.runtime.adapt import Samples
from edgeconv.runtime.open import PACKAGES, engine_of, has_engine
from edgeconv.verify.parity import against_reference
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.pair import further
from edgeconv.verify.parity.stages import OPERATORS, ParityReport, StageResult
from edgeconv.verify.thresholds import DEFAULTS, Thresholds

if TYPE_CHECKING:  # it reads ONNX files, and is imported where onnx_ir is installed
    from edgeconv.verify.parity.operators import KeptTensors

_PAIR = ("int8.onnx", "int8.tflite")
#: Photos for the check operator by operator: every value of every tensor is a sample there.
OPERATOR_PHOTOS = 1


def check(
    artifacts: Mapping[str, Path], expected: Expected, thresholds: Thresholds = DEFAULTS
) -> ParityReport:
    """Parity of every artifact, then the two int8 files on identical integers.

    Without trained weights the int8 files are judged operator by operator alone. Files whose engine
    is not installed here are named and not judged. Arguments and errors are those of
    `against_reference.check`.

    Raises:
        UnavailableError: no engine is installed that opens any of them.
    """
    here = {name: path for name, path in artifacts.items() if has_engine(path)}
    absent = [_absent(name, path) for name, path in artifacts.items() if name not in here]
    if absent and not here:
        raise UnavailableError(
            f"no engine is installed: pip install {' or '.join(PACKAGES.values())}"
        )
    report = _check_here(here, expected, thresholds)
    return replace(report, stages=(*report.stages, *absent))


def _check_here(
    artifacts: Mapping[str, Path], expected: Expected, thresholds: Thresholds
) -> ParityReport:
    if not set(_PAIR) <= set(artifacts):
        return against_reference.check(artifacts, expected, thresholds)
    if not all(is_readable(artifacts[name]) for name in _PAIR):
        report = against_reference.check(artifacts, expected, thresholds)
        why = "not run: onnx-ir is not installed, which `pip install edgeconv` brings"
        return replace(report, stages=(*report.stages, _not_run(OPERATORS, why)))
    return _with_operators(artifacts, expected, thresholds)


def _with_operators(
    artifacts: Mapping[str, Path], expected: Expected, thresholds: Thresholds
) -> ParityReport:
    from edgeconv.verify.parity.operators import KeptTensors

    tflite = KeptTensors(artifacts["int8.tflite"])
    images = expected.images[:OPERATOR_PHOTOS]
    with ThreadPoolExecutor(1) as beside:
        stage = beside.submit(_operator_stage, artifacts["int8.onnx"], tflite, images, thresholds)
        report = against_reference.check(artifacts, expected, thresholds, tflite.opener)
        return replace(report, stages=(*report.stages, _naming(stage.result(), report)))


def _absent(name: str, path: Path) -> StageResult:
    """A file that cannot be opened here."""
    return _not_run(name, f"not run: {PACKAGES[engine_of(path)]} is not installed")


def _not_run(name: str, why: str) -> StageResult:
    return StageResult(name, "reference", name, judged=False, note=why)


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
    from edgeconv.verify.parity import operators

    started = time.perf_counter()
    stage = operators.check(int8_onnx, tflite, images).stage(thresholds)
    return replace(stage, seconds=time.perf_counter() - started)
