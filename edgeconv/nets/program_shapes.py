"""What a program of torch.export takes: its own sizes, and what is told of those it leaves open."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram

from edgeconv.errors import NetRefused, UsageError

_IMAGE_AXES = 4
#: Of an image, by axis: which of (height, width) it is.
_SIDES = {2: 0, 3: 1}


def stated_module(
    program: ExportedProgram,
    title: str,
    batch: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> nn.Module:
    """A program's net, which says what it takes; arguments and errors as `sample_shapes`.

    Where no batch is told, the program's own checks of sizes stay in it.
    """
    module: Any = program.module(check_guards=batch is None)
    module.input_shapes = sample_shapes(program, title, batch, input_size)
    for attribute in ("preprocessing", "labels"):
        setattr(module, attribute, getattr(program, attribute, None))
    net: nn.Module = module
    return net


def sample_shapes(
    program: ExportedProgram,
    title: str,
    batch: int | None = None,
    input_size: tuple[int, int] | None = None,
) -> dict[str, tuple[int, ...]]:
    """By name what one sample of each input is shaped like, without the batch axis.

    Args:
        program: takes tensors whose first axis is the batch.
        title: what it is called in a message.
        batch: samples at a time; None takes any that it is made for.
        input_size: (height, width) of images, where it leaves them open.

    Raises:
        NetRefused: it takes something else than tensors.
        UsageError: it is made for another batch or size, or leaves one open that is not told.
    """
    names = program.graph_signature.user_inputs
    held = [node for node in program.graph.nodes if node.op == "placeholder"]
    nodes = [node for node in held if node.name in names]
    values = [node.meta["val"] for node in nodes]
    are_batches = all(isinstance(value, Tensor) and value.dim() for value in values)
    if len(nodes) != len(names) or not nodes or not are_batches:
        raise NetRefused(f"{title} takes numbers or nothing, not tensors; export it without them")
    told = {0: ("--batch", batch)}
    size = (None, None) if input_size is None else input_size
    of_image = told | {axis: ("--input-size", size[side]) for axis, side in _SIDES.items()}
    shapes = {}
    for node, value in zip(nodes, values, strict=True):
        known = of_image if value.dim() == _IMAGE_AXES else told
        axes = [(axis, one) for axis, one in enumerate(value.shape) if axis or batch is not None]
        sizes = {axis: _fixed(program, one, axis, known, title) for axis, one in axes}
        shapes[node.name] = tuple(one for axis, one in sizes.items() if axis)
    return shapes


def _fixed(
    program: ExportedProgram,
    size: Any,
    axis: int,
    told: dict[int, tuple[str, int | None]],
    title: str,
) -> int:
    """One size: the program's own, or what it leaves open as is told."""
    option, wanted = told.get(axis, ("", None))
    if isinstance(size, int):
        if wanted not in (None, size):
            raise UsageError(f"{title} is made for {size} along axis {axis}, not {option} {wanted}")
        return size
    if wanted is None:
        raise UsageError(
            f"{title} leaves axis {axis} of an input open; give --input-size HEIGHTxWIDTH of an "
            "image, or export it with that size"
        )
    bounds = program.range_constraints.get(size.node.expr)
    if bounds is not None and not bounds.lower <= wanted <= bounds.upper:
        raise UsageError(
            f"{title} takes {bounds.lower} to {bounds.upper} along axis {axis}, not {option} "
            f"{wanted}"
        )
    return wanted
