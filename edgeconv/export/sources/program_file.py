"""A program of torch.export in a file (.pt2) as what is exported: its module, for fixed sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.export import ExportedProgram

from edgeconv.disk import sha256_of
from edgeconv.errors import NetRefused, UsageError
from edgeconv.export.options import ExportOptions
from edgeconv.export.progress import ExportProgress
from edgeconv.export.sources.module import ModuleSource, load_module
from edgeconv.nets.handed_over import HandedOver
from edgeconv.nets.program_files import read_program
from edgeconv.nets.weights import WeightsInfo

_IMAGE_AXES = 4
#: Of an image, by axis: which of (height, width) it is.
_SIDES = {2: 0, 3: 1}


def load_program(target: str, options: ExportOptions, progress: ExportProgress) -> ModuleSource:
    """Reads a program and fixes its sizes.

    Raises:
        ArtifactRefused: it is no program, or cannot be read without running its code.
        UsageError: it is made for another batch or size, or leaves a size open that is not told.
        As `load_module`.
    """
    path = Path(target)
    program = read_program(path)
    module: Any = program.module(check_guards=False)
    module.input_shapes = _shapes(program, target, options)
    given = HandedOver(lambda: module, path.stem, target)  # a copy would lose its input_shapes
    source = load_module(given, replace(options, input_size=None), progress)
    weights = WeightsInfo(kind="file", source=path.name, sha256=sha256_of(path))
    return replace(source, net=replace(source.net, trained=True, weights=weights))


def _shapes(
    program: ExportedProgram, target: str, options: ExportOptions
) -> dict[str, tuple[int, ...]]:
    """By name what one sample of each input is shaped like."""
    names = program.graph_signature.user_inputs
    held = [node for node in program.graph.nodes if node.op == "placeholder"]
    nodes = [node for node in held if node.name in names]
    values = [node.meta["val"] for node in nodes]
    are_batches = all(isinstance(value, Tensor) and value.dim() for value in values)
    if len(nodes) != len(names) or not nodes or not are_batches:
        raise NetRefused(f"{target} takes numbers or nothing, not tensors; export it without them")
    return {
        node.name: tuple(
            _fixed(program, size, axis, node.meta["val"].dim(), target, options)
            for axis, size in enumerate(node.meta["val"].shape)
        )[1:]
        for node in nodes
    }


def _fixed(
    program: ExportedProgram, size: Any, axis: int, rank: int, target: str, options: ExportOptions
) -> int:
    """One size: the program's own, or what it leaves open as the options say."""
    side = _SIDES.get(axis) if rank == _IMAGE_AXES else None
    option, wanted = "--input-size", None
    if axis == 0:
        option, wanted = "--batch", options.batch
    elif side is not None and options.input_size is not None:
        wanted = options.input_size[side]
    if isinstance(size, int):
        if wanted not in (None, size):
            raise UsageError(
                f"{target} is made for {size} along axis {axis}, not {option} {wanted}"
            )
        return size
    if wanted is None:
        raise UsageError(
            f"{target} leaves axis {axis} of an input open; give --input-size HEIGHTxWIDTH of an "
            "image, or export it with that size"
        )
    bounds = program.range_constraints.get(size.node.expr)
    if bounds is not None and not bounds.lower <= wanted <= bounds.upper:
        raise UsageError(
            f"{target} takes {bounds.lower} to {bounds.upper} along axis {axis}, not {option} "
            f"{wanted}"
        )
    return wanted
