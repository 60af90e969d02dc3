"""What `edgeconv inspect` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edgeconv.report import text
from edgeconv.report.console import say
from edgeconv.report.tables import Column, Table, Told, facts, show
from edgeconv.runtime.plain import some

if TYPE_CHECKING:
    from edgeconv.files.operations import End, ModelOperations, Operation
    from edgeconv.verify.inspect.inspection import Inspection, Published


def show_inspection(title: str, inspection: Inspection, published: Published | None) -> None:
    """Totals, what is published, operators and findings."""
    operations = inspection.operations
    notes = []
    if inspection.unknown_shapes:
        notes.append(
            f"{inspection.unknown_shapes} tensors have no static shape: a dimension that is not "
            "fixed counts as one, so the figures are lower bounds"
        )
    show(facts(list(_facts(inspection)), title, notes))
    if published is not None:
        say()
        _show_published(operations, published)
    say()
    _show_operators(operations)
    say()
    _show_findings(inspection)


def _facts(inspection: Inspection) -> Iterator[tuple[str, str]]:
    operations, memory = inspection.operations, inspection.memory
    by_dtype = operations.to_json()["memory_access_bytes_by_dtype"]
    yield "format", operations.format
    yield "size", text.size(operations.bytes)
    yield "parameters", f"{operations.parameters:,}"
    yield "multiply-adds", f"{operations.multiply_adds:,}"
    yield "of them in int8", text.percent(operations.int8_share)
    yield "float islands", str(len(inspection.islands))
    yield "layout changes", str(operations.layout_changes)
    if operations.partitions is not None:
        yield "XNNPACK partitions", str(operations.partitions)
    at = f" (at {memory.peak_at})" if memory.peak_at else ""
    yield "activations at once", text.size(memory.peak_bytes) + at
    yield "activations in all", text.size(memory.sum_bytes)
    types = ", ".join(f"{dtype} {text.size(count)}" for dtype, count in by_dtype.items())
    yield "memory access", f"{text.size(operations.memory_access)} ({types})"
    yield "arithmetic intensity", f"{operations.intensity:.1f} multiply-adds a byte"
    yield from (("input", _end(end)) for end in operations.inputs)
    yield from (("output", _end(end)) for end in operations.outputs)


def _end(end: End) -> str:
    shape = " x ".join("?" if d is None else str(d) for d in end.shape)
    return f"{end.name}  {end.dtype} {shape}"


def _show_published(operations: ModelOperations, published: Published) -> None:
    """Published figures beside the counted ones."""
    same_size = published.input_size == published.inspected_size
    rows: list[tuple[Any, ...]] = [
        (
            "parameters",
            f"{published.parameters:,}",
            f"{published.counted_parameters:,}",
            _difference(published.parameters, published.counted_parameters),
        ),
        (
            "multiply-adds",
            f"{published.multiply_adds:,}",
            f"{operations.multiply_adds:,}",
            _difference(published.multiply_adds, operations.multiply_adds) if same_size else None,
        ),
        ("top-1", text.number(published.top1) + " %", None, None),
        ("top-5", text.number(published.top5) + " %", None, None),
    ]
    columns = (
        Column("published"),
        Column("claim", "quantity"),
        Column("counted here", "quantity"),
        Column("difference", "quantity", rank=1),
    )
    height, width = published.input_size
    notes = [
        f"{published.paper}",
        f"claimed for {height}x{width}; parameters as learned, before BatchNorm is folded; "
        "accuracy is measured by `edgeconv eval`",
    ]
    show(Table(columns, [row for row in rows if row[1] != f"{text.MISSING} %"], notes=notes))


def _difference(claimed: int, counted: int) -> str:
    return f"{100 * (counted / claimed - 1):+.2f} %"


def _show_operators(operations: ModelOperations) -> None:
    def work(same: Sequence[Operation]) -> int:
        return sum(one.multiply_adds for one in same)

    def access(same: Sequence[Operation]) -> int:
        return sum(one.memory_access for one in same)

    told: Told[Sequence[Operation]] = [
        (Column("operator"), lambda same: same[0].type),
        (Column("count", "integer"), len),
        (Column("in int8", "integer", rank=2), lambda same: sum(one.is_int8 for one in same)),
        (Column("multiply-adds", "integer", rank=1), work),
        (Column("parameters", "integer", rank=5), lambda same: sum(o.parameters for o in same)),
        (Column("memory access", "size", rank=3), access),
        (Column("share", "percent", rank=4), lambda s: _over(access(s), operations.memory_access)),
        (Column("multiply-adds a byte", "number", 1, 6), lambda s: _over(work(s), access(s))),
    ]
    kinds = [
        [one for one in operations.operations if one.type == kind]
        for kind, _ in operations.counts()
    ]
    show(Table.of(kinds, told))


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _show_findings(inspection: Inspection) -> None:
    """A line for each guideline, and where to look."""
    say("what the ShuffleNetV2 guidelines say (arXiv 1807.11164):")
    for finding in inspection.findings:
        say(f"{finding.guideline} {finding.title}: {finding.sentence}")
        if finding.worst:
            say(f"   most: {', '.join(finding.worst)}")
    for reason, count in Counter(one.reason for one in inspection.layout_changes).items():
        names = [one.name for one in inspection.layout_changes if one.reason == reason]
        say(f"{count} transposed: {reason} ({some(names, 3)})")
    for island in inspection.islands:
        say(f"float island: {some([f'{o.type} {o.name}' for o in island], 3)}")
