"""Everything edgeconv checks of a bundle's files: end to end, and operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from edgeconv.runtime.adapt import Images
from edgeconv.runtime.metrics import FloatArray
from edgeconv.verify import operators, parity
from edgeconv.verify.output_parts import OutputParts
from edgeconv.verify.stages import ParityReport, StageResult

#: Photos for the check operator by operator: every value of every tensor is a sample there.
OPERATOR_PHOTOS = 1


def check(
    artifacts: Mapping[str, Path],
    images: Images,
    references: Mapping[str, FloatArray],
    *,
    depth: int,
    trained: bool,
    thresholds: parity.Thresholds | None = None,
    parts: Mapping[str, OutputParts] | None = None,
) -> ParityReport:
    """Parity of every artifact, then the two int8 files on identical integers.

    Without trained weights the int8 files are judged operator by operator alone. Arguments and
    errors as `parity.check`.
    """
    with ThreadPoolExecutor(1) as beside:
        operator_stage = beside.submit(_operator_stage, artifacts, images)
        report = parity.check(
            artifacts,
            images,
            references,
            depth=depth,
            trained=trained,
            thresholds=thresholds,
            parts=parts,
        )
        return replace(report, stages=(*report.stages, *operator_stage.result()))


def _operator_stage(artifacts: Mapping[str, Path], images: Images) -> tuple[StageResult, ...]:
    if not {"int8.onnx", "int8.tflite"} <= set(artifacts):
        return ()
    files = artifacts["int8.onnx"], artifacts["int8.tflite"]
    return (operators.check(*files, images[:OPERATOR_PHOTOS]).stage(),)
