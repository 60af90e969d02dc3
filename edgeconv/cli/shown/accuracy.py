"""What eval measured, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edgeconv.cli.shown.bounds import bound_notes
from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.verify.accuracy.comparison import AccuracyComparison
    from edgeconv.verify.accuracy.evaluate import Evaluation
    from edgeconv.verify.tasks.figures import FileFigures


def show_evaluations(evaluations: Sequence[Evaluation], reference: str, samples: str) -> None:
    """Accuracy of every file, and the paired comparison with the reference.

    `samples` is what they ran on: photos, or samples of tensors.
    """

    def paired(figure: Callable[[AccuracyComparison], Any]) -> Callable[[Evaluation], Any]:
        return lambda file: None if file.artifact == reference else figure(file.comparison)

    told: Told[Evaluation] = [
        (Column("file"), lambda file: file.artifact),
        (Column("top-1", "percent"), lambda file: file.comparison.candidate.top1.value),
        (Column("95 % interval", "quantity", rank=5), _interval),
        (Column("top-5", "percent", rank=8), lambda file: file.comparison.candidate.top5.value),
        (Column("agreement", "percent", rank=2), paired(lambda pair: pair.agreement.value)),
        (Column("SQNR dB", "number", 1, rank=6), paired(lambda pair: pair.sqnr_db)),
        (Column("drop, points", "number", 1), paired(lambda pair: pair.drop.points)),
        (Column("95 % interval of the drop", "quantity", rank=4), paired(_interval_of_drop)),
        (Column("at most", "number", 1, rank=3), paired(lambda pair: pair.drop.bound_points)),
        (Column("McNemar p", "number", 3, rank=7), paired(lambda pair: pair.drop.p_value)),
    ]
    if any(file.here is not None for file in evaluations):
        told = [*told, (Column("agrees with here", "percent", rank=1), _agreement_with_here)]
    show(Table.of(evaluations, told, notes=list(_notes(evaluations, reference, samples))))


def kernel_notes(files: Sequence[Evaluation | FileFigures]) -> Iterator[str]:
    """Which files did not run on the engine's default kernels, and why."""
    for file in files:
        if file.kernels == "reference":
            yield (
                f"{file.artifact} ran with graph optimizations off: this CPU's int8 kernels "
                "saturate"
            )


def _notes(evaluations: Sequence[Evaluation], reference: str, samples: str) -> Iterator[str]:
    count = f"{evaluations[0].comparison.images} {samples}"
    if len(evaluations) > 1:
        yield (
            f"{count}; agreement and drop are against {reference}, on the same {samples}; `at "
            "most` is the one-sided 95 % bound of the drop"
        )
    else:
        yield f"{count}; there is no float file to compare {reference} with"
    yield from kernel_notes(evaluations)
    yield from bound_notes(evaluations)
    for file in evaluations:
        if file.artifact != reference and file.comparison.parts:
            part, sqnr_db = min(file.comparison.parts.items(), key=lambda item: item[1])
            yield (
                f"{file.artifact}: of the parts of its output, {part} has the lowest SQNR, "
                f"{sqnr_db:.1f} dB"
            )


def _interval(file: Evaluation) -> str:
    top1 = file.comparison.candidate.top1
    return f"{100 * top1.low:.1f} to {100 * top1.high:.1f} %"


def _interval_of_drop(pair: AccuracyComparison) -> str:
    return f"{pair.drop.low_points:+.1f} to {pair.drop.high_points:+.1f}"


def _agreement_with_here(evaluation: Evaluation) -> float | None:
    return None if evaluation.here is None else evaluation.here.agreement.value
