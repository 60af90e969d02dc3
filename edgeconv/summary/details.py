"""What a row of the page opens: where its figures come from, and what lies behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeconv.summary.photos import Photos, Shown
from edgeconv.summary.row import Row, Tensor


@dataclass(frozen=True)
class Part:
    """A part of the details: a title with a table, photos, or lines of text."""

    title: str
    rows: tuple[tuple[str, ...], ...] = ()
    photos: tuple[Shown, ...] = ()
    lines: tuple[str, ...] = ()


def parts(row: Row, photos: Photos) -> tuple[Part, ...]:
    """All that there is of a row."""
    return tuple(_parts(row, photos))


def _parts(row: Row, photos: Photos) -> Iterator[Part]:
    yield Part("Where it comes from", tuple(_sources(row)))
    if row.file.steps:
        steps = (
            (step.name, "kept" if step.kept else "left out", _gain(step.gain_db))
            for step in row.file.steps
        )
        yield Part("Steps of the recipe", tuple(steps))
    if row.file.stages:
        yield Part("Parity", lines=row.file.stages)
    if row.file.worst:
        each = ((one.name, one.op_type, _decibels(one)) for one in row.file.worst)
        yield Part("The worst tensors", tuple(each))
    if row.latency is not None and row.latency.operators:
        slowest = (
            (one.name or one.kind, one.kind, f"{one.ms:.3f} ms") for one in row.latency.operators
        )
        yield Part("The slowest operators", tuple(slowest))
    if row.latency is not None and row.latency.verdict:
        yield Part("Latency", lines=tuple(_latency(row)))
    if row.accuracy is not None and row.accuracy.differing:
        yield Part("Photos told otherwise than by float", photos=photos.of(row.accuracy.differing))


def _gain(decibels: float | None) -> str:
    return "" if decibels is None else f"{decibels:+.1f} dB"


def _decibels(tensor: Tensor) -> str:
    grid = "" if tensor.grid_db is None else f", its grid alone {tensor.grid_db:.1f}"
    return f"{tensor.sqnr_db:.1f} dB by itself{grid}"


def _latency(row: Row) -> Iterator[str]:
    assert row.latency is not None
    yield f"verdict: {row.latency.verdict}, batch {row.latency.batch}"
    if row.latency.medians_ms:
        yield (
            "medians of processes: "
            + ", ".join(f"{one:.3f}" for one in row.latency.medians_ms)
            + " ms"
        )


def _sources(row: Row) -> Iterator[tuple[str, ...]]:
    yield "file", f"SHA-256 {row.file.sha256}", ""
    for source in row.sources:
        words = ", ".join(filter(None, (source.command, source.path, source.digest)))
        yield source.kind, words, source.date
