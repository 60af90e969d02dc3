"""The model files of a bundle: their names, and which of them are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edgeconv.quantize.plan.precision import PRECISION_NAMES, PrecisionName
from edgeconv.verify.parity.against_reference import ARTIFACTS

#: Every artifact a bundle can hold, in the order they are made and shown, and its file.
FILES: Mapping[str, str] = {name: f"model.{name}" for name in ARTIFACTS}


def precision_of(artifact: str) -> PrecisionName | None:
    """The precision of an artifact by its short name; None for float32."""
    name = artifact.rpartition(".")[0]
    return next((known for known in PRECISION_NAMES if known == name), None)


def by_preference(artifacts: Iterable[str]) -> list[str]:
    """Those first that an app would take.

    Those of integers before float, TFLite before ONNX: smaller, and the same kernels everywhere.
    """
    order = ("int8.tflite", "tflite", "int8.onnx", "onnx")
    return sorted(artifacts, key=lambda name: order.index(name) if name in order else len(order))


def present(directory: Path) -> dict[str, Path]:
    """The artifacts a bundle holds, by their short name, in the order they are shown."""
    paths = {short: directory / name for short, name in FILES.items()}
    return {short: path for short, path in paths.items() if path.is_file()}
