"""What a model file computes, whichever format it is of."""

from __future__ import annotations

from pathlib import Path

from edgeconv.files.operations import ModelOperations
from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.operations import operations_of


def read_operations(path: Path) -> ModelOperations:
    """The operators of an .onnx file, or of a .tflite file.

    Raises:
        ArtifactRefused: it is no file of the format that its name says, or is damaged.
    """
    if path.suffix != ".onnx":
        return operations_of(read(path))
    from edgeconv.files.onnx.operations import read_onnx  # what only runs files has no onnx_ir

    return read_onnx(path)
