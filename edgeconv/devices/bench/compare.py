"""Two bench documents against each other, file by file."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeconv.devices.bench.documents import BenchFile, Key, Measured, read
from edgeconv.devices.bench.significance import (
    LEAST_PAIRS,
    LEAST_PROCESSES,
    LEVEL,
    Comparison,
    compare_counts,
    compare_times,
)
from edgeconv.errors import UsageError


@dataclass(frozen=True)
class Row:
    """One file on one number of threads, in both documents.

    Attributes:
        artifact, engine, threads: what was measured.
        a, b: what `comparison.ratio` is the ratio of: geometric mean of the processes' medians in
            ms, or median instructions in millions.
        comparison: b against a.
    """

    artifact: str
    engine: str
    threads: int
    a: float
    b: float
    comparison: Comparison


@dataclass(frozen=True)
class CompareReport:
    """Everything two documents have in common.

    Attributes:
        unit: of `Row.a` and `Row.b`.
        rows: the comparisons.
        warnings: what a reader must know.
    """

    unit: str
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]

    def regressions(self, above_percent: float) -> list[Row]:
        """The rows whose second document is slower, not by chance, by more than so much."""
        return [row for row in self.rows if row.comparison.is_regression(above_percent)]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rows = [{**asdict(row), "percent": row.comparison.percent} for row in self.rows]
        return {"unit": self.unit, "level": LEVEL, "rows": rows, "warnings": self.warnings}


def compare_files(
    a: Path, b: Path, artifact_a: str | None = None, artifact_b: str | None = None
) -> CompareReport:
    """Compares what two bench documents both measured.

    Args:
        a, b: documents of `bench --json-file`; may be the same one.
        artifact_a, artifact_b: only this file of `a` against only that file of `b`, whatever they
            are called; both or neither.

    Raises:
        UsageError: nothing in common, an unknown artifact, or one is of an emulated device alone.
        RefusedError: a document cannot be read.
    """
    first, second = read(a), read(b)
    if first.emulated != second.emulated:
        raise UsageError(
            f"{first.device} and {second.device}: one is emulated, so there are instructions on "
            "one side and times on the other"
        )
    pairs = list(_pairs(first, second, artifact_a, artifact_b))
    if not pairs:
        raise UsageError(
            f"{a} and {b} measured nothing in common; {a} holds {_held(first)}; {b} holds "
            f"{_held(second)}"
        )
    together = first.run == second.run
    rows = tuple(_row(key, x, y, together) for key, x, y in pairs)
    unit = "M instructions" if first.emulated else "ms"
    return CompareReport(unit, rows, tuple(_warnings(first, second, pairs)))


def _pairs(
    first: BenchFile, second: BenchFile, artifact_a: str | None, artifact_b: str | None
) -> Iterator[tuple[Key, Measured, Measured]]:
    if (artifact_a is None) != (artifact_b is None):
        raise UsageError("name a file of both documents, or of neither")
    if artifact_a is None or artifact_b is None:
        for key, measured in first.results.items():
            if key in second.results:
                yield key, measured, second.results[key]
        return
    for document, artifact in ((first, artifact_a), (second, artifact_b)):
        if artifact not in {name for name, _, _ in document.results}:
            raise UsageError(f"{document.path} holds no {artifact}; it holds {_held(document)}")
    for (name, engine, threads), measured in first.results.items():
        other = {key[2]: m for key, m in second.results.items() if key[0] == artifact_b}
        if name == artifact_a and threads in other:
            yield (f"{artifact_a} -> {artifact_b}", engine, threads), measured, other[threads]


def _row(key: Key, a: Measured, b: Measured, together: bool) -> Row:
    if a.instructions or b.instructions:
        counted = compare_counts(a.instructions, b.instructions)
        millions = [statistics.median(side.instructions) / 1e6 for side in (a, b)]
        return Row(*key, millions[0], millions[1], counted)
    timed = compare_times(a.medians_ms, b.medians_ms, together=together)
    means = [statistics.geometric_mean(side.medians_ms) for side in (a, b)]
    return Row(*key, means[0], means[1], timed)


def _warnings(
    first: BenchFile, second: BenchFile, pairs: list[tuple[Key, Measured, Measured]]
) -> Iterator[str]:
    if first.device != second.device:
        yield f"the devices differ: {first.device} and {second.device}"
    fewest = min(min(len(x.medians_ms), len(y.medians_ms)) for _, x, y in pairs)
    together = first.run == second.run and first.side_by_side
    if not first.emulated and fewest < LEAST_PROCESSES:
        yield (
            f"{fewest} processes on a side can never show a difference at the {100 * LEVEL:g} % "
            f"level; bench with --processes {LEAST_PAIRS if together else LEAST_PROCESSES} or more"
        )
    elif together and fewest < LEAST_PAIRS:
        yield (
            f"the files were measured side by side, but {fewest} processes are too few to be "
            f"compared in pairs, which tells more; bench with --processes {LEAST_PAIRS} or more"
        )
    if not first.emulated and first.run != second.run:
        yield (
            "the two were measured at different times: what changed on the device between them "
            "counts as a difference; files given to one bench are measured side by side"
        )


def _held(document: BenchFile) -> str:
    return ", ".join(sorted({name for name, _, _ in document.results})) or "nothing"
