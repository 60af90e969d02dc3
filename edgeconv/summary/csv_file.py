"""A report's rows as CSV (RFC 4180), for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from edgeconv.summary.row import Accuracy, Collection, Latency, Row
from edgeconv.verify.tasks.figures import Estimate

#: A cell that begins so is taken for a formula.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(found: Collection) -> str:
    """One line a row, its figures as numbers without units; the header names the units."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([header for header, _ in _COLUMNS])
    for row in found.rows:
        writer.writerow([_cell(value(row)) for _, value in _COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Text that no spreadsheet computes; nothing where there is nothing."""
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return "" if value is None else value


def _accuracy(value: Callable[[Accuracy], Any]) -> Callable[[Row], Any]:
    return lambda row: None if row.accuracy is None else value(row.accuracy)


def _latency(value: Callable[[Latency], Any]) -> Callable[[Row], Any]:
    return lambda row: None if row.latency is None else value(row.latency)


def _of(interval: Estimate | None, name: str) -> float | None:
    found: float | None = None if interval is None else getattr(interval, name)
    return found


def _interval(
    header: str, unit: str, find: Callable[[Row], Estimate | None]
) -> list[tuple[str, Callable[[Row], Any]]]:
    def of(name: str) -> Callable[[Row], float | None]:
        return lambda row: _of(find(row), name)

    ends = (("", "value"), (" low", "low"), (" high", "high"))
    return [(f"{header}{end}{unit}", of(name)) for end, name in ends]


_COLUMNS: Sequence[tuple[str, Callable[[Row], Any]]] = (
    ("net", lambda row: row.file.net),
    ("options", lambda row: row.file.options),
    ("file", lambda row: row.file.name),
    ("precision", lambda row: row.file.precision),
    ("format", lambda row: row.file.format),
    ("input", lambda row: row.file.sides("x")),
    ("device", lambda row: row.device),
    ("engine", lambda row: row.engine),
    ("threads", _latency(lambda latency: latency.threads)),
    ("task", _accuracy(lambda accuracy: accuracy.task)),
    ("figure", _accuracy(lambda accuracy: accuracy.figure)),
    ("photos", _accuracy(lambda accuracy: accuracy.photos)),
    ("measured on", _accuracy(lambda accuracy: accuracy.device)),
    *_interval("accuracy", "", _accuracy(lambda accuracy: accuracy.value)),
    *_interval("agreement", "", _accuracy(lambda accuracy: accuracy.agreement)),
    *_interval("drop", " (points)", _accuracy(lambda accuracy: accuracy.drop)),
    *_interval("p50", " (ms)", _latency(lambda latency: latency.p50_ms)),
    ("latency verdict", _latency(lambda latency: latency.verdict)),
    ("instructions", _latency(lambda latency: latency.instructions)),
    ("memory (MiB)", _latency(lambda latency: latency.memory_mib)),
    ("size (bytes)", lambda row: row.file.size_bytes),
    ("multiply-adds", lambda row: row.file.multiply_adds),
    ("int8 share", lambda row: row.file.int8_share),
    ("parity", lambda row: row.file.parity),
    ("sha256", lambda row: row.file.sha256),
)
