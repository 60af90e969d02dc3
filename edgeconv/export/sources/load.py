"""Finds out what an export is given."""

from __future__ import annotations

from edgeconv.export.options import ExportOptions
from edgeconv.export.progress import ExportProgress
from edgeconv.export.sources.module import load_module
from edgeconv.export.sources.onnx_file import load_onnx
from edgeconv.export.sources.program_file import load_program
from edgeconv.export.sources.source import Source
from edgeconv.nets.handed_over import HandedOver, is_program
from edgeconv.nets.registry import is_onnx_file, is_program_file


def load_source(
    target: str | HandedOver, options: ExportOptions, progress: ExportProgress
) -> Source:
    """What an export is given; raises as `load_module`, `load_onnx` and `load_program`."""
    if isinstance(target, str) and is_onnx_file(target):
        return load_onnx(target, options)
    if is_program_file(target) if isinstance(target, str) else is_program(target):
        return load_program(target, options, progress)
    return load_module(target, options, progress)
