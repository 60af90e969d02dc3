"""What a model file computes, whichever format it is of."""

from __future__ import annotations

from pathlib import Path

from edgeconv.files.operations import ModelOperations
from edgeconv.installed import is_installed


def is_readable(path: Path) -> bool:
    """Whether what reads files of this format is installed; what only runs them needs neither."""
    return is_installed("onnx_ir" if path.suffix == ".onnx" else "ai_edge_litert")


def read_operations(path: Path) -> ModelOperations:
    """The operators of an .onnx file, or of a .tflite file.

    Raises:
        ArtifactRefused: it is no file of the format that its name says, or is damaged.
    """
    if path.suffix != ".onnx":
        from edgeconv.files.tflite.file import read
        from edgeconv.files.tflite.operations import operations_of

        return operations_of(read(path))
    from edgeconv.files.onnx.operations import read_onnx  # see is_readable

    return read_onnx(path)
