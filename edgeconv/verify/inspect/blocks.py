"""Blocks of a net: the stretches between tensors that everything goes through."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgeconv.files.memory import steps
from edgeconv.files.operations import ModelOperations, Operation


@dataclass(frozen=True)
class Block:
    """Operators between two places where a single activation is alive.

    Attributes:
        operations: its operators, in the file's order.
        depth: operators on its longest path.
        branches: paths from its input, or most operators at the same depth, whichever is more.
        fragments: convolutions and poolings in it.
    """

    operations: tuple[Operation, ...]
    depth: int
    branches: int
    fragments: int


def blocks(model: ModelOperations) -> list[Block]:
    """The file's blocks in order; in a chain of operators every operator is one."""
    found, pending = [], []
    entry = {tensor.name for tensor in model.fed}
    for step in steps(model):
        pending.append(step.operation)
        if step.after is not None:
            found.append(_block(tuple(pending), entry))
            pending = []
            entry = {tensor.name for tensor in step.after}
    if pending:
        found.append(_block(tuple(pending), entry))
    return found


def _block(operations: tuple[Operation, ...], entry: set[str]) -> Block:
    level: dict[str, int] = {}
    widths: Counter[int] = Counter()
    for operation in operations:
        here = 1 + max((level.get(tensor.name, 0) for tensor in operation.reads), default=0)
        widths[here] += 1
        level.update((tensor.name, here) for tensor in operation.writes)
    # A shortcut is a branch too, though no operator stands on it.
    readers = sum(any(t.name in entry for t in o.reads) for o in operations)
    return Block(
        operations=operations,
        depth=max(widths, default=0),
        branches=max([readers, *widths.values()]),
        fragments=sum(o.kind in ("convolution", "pool") for o in operations),
    )
