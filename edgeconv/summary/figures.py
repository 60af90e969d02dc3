"""The figures of a report: accuracy against latency, and against size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from edgeconv.report.plots.points import Axis, Measured, Point
from edgeconv.report.plots.trade_off import trade_off
from edgeconv.summary.row import Accuracy, Row
from edgeconv.verify.tasks.figures import Estimate


def figures(rows: Sequence[Row]) -> str:
    """The figures as HTML; nothing where nothing has both figures."""
    shown = _most_common(rows)
    if shown is None:
        return ""
    mine = [row for row in rows if row.accuracy is not None and _figure(row.accuracy) == shown]
    first = mine[0].accuracy
    assert first is not None
    y = Axis(first.figure, "%" if first.unit == "share" else first.unit, first.is_error)
    made = "Error" if first.is_error else "Accuracy"
    each = (
        ("latency", _by_latency(mine), Axis("p50 latency", "ms", is_less_better=True)),
        ("instructions", _by_count(mine), Axis("instructions", "M", is_less_better=True)),
        ("size", _by_size(mine), Axis("size", "MB", is_less_better=True)),
    )
    return "\n".join(
        trade_off(key, f"{made} against {key}", points, x, y) for key, points, x in each if points
    )


def _figure(accuracy: Accuracy) -> tuple[str, str]:
    return accuracy.figure, accuracy.unit


def _most_common(rows: Sequence[Row]) -> tuple[str, str] | None:
    """The figure that most rows have: one axis shows one figure."""
    told = Counter(_figure(row.accuracy) for row in rows if row.accuracy is not None)
    return told.most_common(1)[0][0] if told else None


def _by_latency(rows: Sequence[Row]) -> list[Point]:
    return [
        _point(
            row, f"{row.device}, {row.latency.threads} thread(s)", _scaled(row.latency.p50_ms, 1.0)
        )
        for row in rows
        if row.latency is not None and row.latency.p50_ms is not None
    ]


def _by_count(rows: Sequence[Row]) -> list[Point]:
    return [
        _point(row, row.device, Measured(row.latency.instructions / 1e6))
        for row in rows
        if row.latency is not None and row.latency.instructions
    ]


def _by_size(rows: Sequence[Row]) -> list[Point]:
    """Each file once: its size is the same on every device."""
    files = {row.file.sha256: row for row in reversed(rows)}
    return [
        _point(row, "", Measured(row.file.size_bytes / 1e6), is_noisy=False)
        for row in reversed(files.values())
        if row.file.size_bytes
    ]


def _point(row: Row, panel: str, x: Measured | None, is_noisy: bool | None = None) -> Point:
    assert row.accuracy is not None
    noisy = row.latency is not None and row.latency.is_noisy if is_noisy is None else is_noisy
    size = "x".join(map(str, dict.fromkeys(row.file.input_size or ())))  # 224 of 224x224
    name = " ".join(filter(None, (row.file.title, size)))
    kind = " ".join(filter(None, (row.file.precision, row.file.format)))
    scale = 100.0 if row.accuracy.unit == "share" else 1.0
    return Point(name, panel, kind, x, _scaled(row.accuracy.value, scale), noisy)


def _scaled(found: Estimate | None, scale: float) -> Measured | None:
    if found is None:
        return None
    low = None if found.low is None else found.low * scale
    high = None if found.high is None else found.high * scale
    return Measured(found.value * scale, low, high)
