"""What eval measured, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.verify.accuracy.evaluate import Evaluation


def show_evaluations(evaluations: Sequence[Evaluation], reference: str) -> None:
    """Accuracy of every file, and the paired comparison with the reference."""
    there = any(evaluation.here is not None for evaluation in evaluations)
    columns = (
        Column("file"),
        Column("top-1", "percent", 1),
        Column("95 % interval", "quantity", rank=5),
        Column("top-5", "percent", 1, rank=8),
        Column("agreement", "percent", 1, rank=2),
        Column("SQNR dB", "number", 1, rank=6),
        Column("drop, points", "number", 1),
        Column("95 % interval of the drop", "quantity", rank=4),
        Column("at most", "number", 1, rank=3),
        Column("McNemar p", "number", 3, rank=7),
        *([Column("agrees with here", "percent", 1, rank=1)] if there else []),
    )
    rows = []
    for evaluation in evaluations:
        comparison = evaluation.comparison
        accuracy, drop = comparison.candidate, comparison.drop
        paired: tuple[Any, ...] = (
            comparison.agreement.value,
            comparison.sqnr_db,
            drop.points,
            f"{drop.low_points:+.1f} to {drop.high_points:+.1f}",
            drop.bound_points,
            drop.p_value,
        )
        rows.append(
            (
                evaluation.artifact,
                accuracy.top1.value,
                f"{100 * accuracy.top1.low:.1f} to {100 * accuracy.top1.high:.1f} %",
                accuracy.top5.value,
                *(paired if evaluation.artifact != reference else (None,) * len(paired)),
                *([_agreement_with_here(evaluation)] if there else []),
            )
        )
    photos = f"{evaluations[0].comparison.images} photos"
    notes = [
        f"{photos}; agreement and drop are against {reference}, on the same photos; `at most` is "
        "the one-sided 95 % bound of the drop"
        if len(evaluations) > 1
        else f"{photos}; there is no float file to compare {reference} with"
    ]
    notes += [
        f"{e.artifact} ran with graph optimizations off: this CPU's int8 kernels saturate"
        for e in evaluations
        if e.kernels == "reference"
    ]
    notes += [
        f"{e.artifact}: of the parts of its output, {part} has the lowest SQNR, {sqnr_db:.1f} dB"
        for e in evaluations
        if e.artifact != reference and e.comparison.parts
        for part, sqnr_db in [min(e.comparison.parts.items(), key=lambda item: item[1])]
    ]
    show(Table(columns, rows, notes=notes))


def _agreement_with_here(evaluation: Evaluation) -> float | None:
    return None if evaluation.here is None else evaluation.here.agreement.value
