"""Which operators a file's transposes are for, and why those cannot take the order there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edgeconv.files.operations import ModelOperations, Operation
from edgeconv.graph.operators.operator import Kind


@dataclass(frozen=True)
class LayoutChange:
    """A transpose.

    Attributes:
        name: of the operator.
        readers: names of those that read what it gives, a view of it included; none at an output.
        reason: why it is needed, of the first that says so.
    """

    name: str
    readers: tuple[str, ...]
    reason: str


_REASONS: Mapping[Kind, str] = MappingProxyType(
    {
        "convolution": "convolutions take channels where the format has them",
        "product": "a matrix's two axes, or a layer's features, come last",
        "pool": "pools take channels where the format has them",
        "resize": "images are resized with channels where the format has them",
        "softmax": "a softmax runs along the last axis",
        "arithmetic": "its operands lie in one order",
        "move": "what is joined or cut lies in one order",
        "transpose": "the next transpose could not be joined to it",
    }
)
_REGROUPED = "a reshape before its reader joins axes that lie apart"
_AT_THE_END = "an output has its axes as an app expects them"


def layout_changes(operations: ModelOperations) -> tuple[LayoutChange, ...]:
    """Every transpose of a file."""
    given = {tensor.name for tensor in operations.given}
    readers: dict[str, list[Operation]] = defaultdict(list)
    for one in operations.operations:
        for name in dict.fromkeys(tensor.name for tensor in one.reads):
            readers[name].append(one)
    return tuple(
        _change(
            one,
            list({id(reader): reader for t in one.writes for reader in readers[t.name]}.values()),
            {t.name for t in one.writes} & given,
        )
        for one in operations.operations
        if one.kind == "transpose" and one.writes
    )


def _change(one: Operation, readers: list[Operation], given: set[str]) -> LayoutChange:
    reasons = [reason for each in readers if (reason := _REASONS.get(each.kind))]
    last = _AT_THE_END if given or not readers else _REGROUPED
    names = tuple(each.name for each in readers)
    return LayoutChange(one.name, names, reasons[0] if reasons else last)
