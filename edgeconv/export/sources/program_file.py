"""A program of torch.export, in a file (.pt2) or handed over: its module, for fixed sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch.export import ExportedProgram

from edgeconv.disk import sha256_of
from edgeconv.export.options import ExportOptions
from edgeconv.export.progress import ExportProgress
from edgeconv.export.sources.module import ModuleSource, load_module
from edgeconv.nets.handed_over import HandedOver
from edgeconv.nets.program_files import read_program
from edgeconv.nets.program_shapes import stated_module
from edgeconv.nets.weights import WeightsInfo


def load_program(
    target: str | HandedOver, options: ExportOptions, progress: ExportProgress
) -> ModuleSource:
    """Fixes a program's sizes, and says that its net takes these.

    Args:
        target: the path of its file; or a program that is handed over.
        options: of the export.
        progress: told of the steps.

    Raises:
        ArtifactRefused: a file is no program, or cannot be read without running its code.
        UsageError: it is made for another batch or size, or leaves a size open that is not told.
        As `load_module`.
    """
    if isinstance(target, HandedOver):
        return _loaded(target.maker, target.name, target.title, options, progress)
    path = Path(target)
    source = _loaded(read_program(path), path.stem, target, options, progress)
    weights = WeightsInfo(kind="file", source=path.name, sha256=sha256_of(path))
    return replace(source, net=replace(source.net, trained=True, weights=weights))


def _loaded(
    program: ExportedProgram,
    name: str,
    title: str,
    options: ExportOptions,
    progress: ExportProgress,
) -> ModuleSource:
    module = stated_module(program, title, options.batch, options.input_size)
    given = HandedOver(lambda: module, name, title)  # a copy would lose what was set on it
    return load_module(given, replace(options, input_size=None), progress)
