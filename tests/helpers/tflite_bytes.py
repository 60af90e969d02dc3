"""The bytes of a .tflite file as the product writes it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgeconv.export import tflite


def tflite_bytes(model: ir.Model, *precision_and_plan: Any, **options: Any) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.tflite"
        tflite.write(model, path, *precision_and_plan, **options)
        return path.read_bytes()
