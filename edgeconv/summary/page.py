"""A report as one HTML page that holds all it needs, for a browser without a network.

Everything in it that documents told is escaped by the template; the page's own script, the only one
that its policy lets run, sorts, filters and opens rows that are there already.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edgeconv.disk import write_whole
from edgeconv.report.plots import theme
from edgeconv.summary.cells import Cell, table
from edgeconv.summary.details import Part, parts
from edgeconv.summary.figures import figures
from edgeconv.summary.photos import Photos
from edgeconv.summary.row import Collection, Row
from edgeconv.summary.side_by_side import side_by_side

_TITLE = "Nets on devices"
_TEMPLATES = resources.files("edgeconv.summary") / "templates"


@dataclass(frozen=True)
class _Device:
    """One device of a report: its name, what it is, versions, first and last date."""

    name: str
    what: str
    versions: str
    first: str
    last: str


@dataclass(frozen=True)
class _Filter:
    """A choice above the table: the rows' attribute, its label, and its values."""

    name: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class _Shown:
    """A row as the template shows it."""

    index: int
    net: str
    device: str
    precision: str
    format: str
    noisy: bool
    cells: tuple[Cell, ...]
    details: tuple[Part, ...]


def write_page(path: Path, found: Collection, data: Path | None = None) -> None:
    """Writes the page whole or not at all.

    Args:
        path: where to.
        found: the report.
        data: folder of the photos, for those that a file tells otherwise than float; none is shown
            without it.

    Raises:
        OutputUnwritable: it cannot be written there.
    """
    write_whole(path, render(found, Photos(data)).encode())


def render(found: Collection, photos: Photos) -> str:
    """The page."""
    from jinja2 import Environment
    from markupsafe import Markup

    script = _text("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = Environment(autoescape=True).from_string(_text("report.html.jinja"))
    columns, cells = table(found.rows)
    return template.render(
        title=_TITLE,
        policy="default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=Markup(theme.STYLE + _text("report.css")),
        script=Markup(script),
        figures=Markup(figures(found.rows)),
        devices=_devices(found.rows),
        beside=side_by_side(found.rows),
        named=len({row.device for row in found.rows} - {""}),
        nets=len({row.file.net for row in found.rows}),
        filters=_filters(found.rows),
        columns=columns,
        rows=[_shown(i, row, cells[i], photos) for i, row in enumerate(found.rows)],
        failed=found.failed,
        unread=found.unread,
    )


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _shown(index: int, row: Row, cells: tuple[Cell, ...], photos: Photos) -> _Shown:
    return _Shown(
        index,
        row.file.net,
        row.device,
        row.file.precision,
        row.file.format,
        row.latency is not None and row.latency.is_noisy,
        cells,
        parts(row, photos),
    )


def _filters(rows: Sequence[Row]) -> list[_Filter]:
    told = (
        ("device", "Device", {row.device for row in rows}),
        ("net", "Net", {row.file.net for row in rows}),
        ("precision", "Precision", {row.file.precision for row in rows}),
        ("format", "Format", {row.file.format for row in rows}),
    )
    return [_Filter(name, label, tuple(sorted(values - {""}))) for name, label, values in told]


def _devices(rows: Sequence[Row]) -> list[_Device]:
    found = []
    for device in sorted({row.device for row in rows}):
        sources = {source: None for row in rows if row.device == device for source in row.sources}
        dates = sorted(source.date for source in sources if source.date)
        versions = sorted({version for source in sources for version in source.versions})
        what = sorted({source.device for source in sources if source.device})
        ends = (dates[0], dates[-1]) if dates else ("", "")
        found.append(_Device(device, "; ".join(what), ", ".join(versions), *ends))
    return found
