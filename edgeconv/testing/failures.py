"""What a failed test says: the stages, and the first tensor that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.bundle import own_words
from edgeconv.bundle.bundle import Bundle
from edgeconv.cli.shown.parity import parity_tables
from edgeconv.errors import EdgeconvError
from edgeconv.installed import advice_without
from edgeconv.report.tables import as_text
from edgeconv.verify.parity.stages import ParityReport

if TYPE_CHECKING:
    from edgeconv.verify.parity.on_device import DeviceParity

#: Of the 80 columns of a terminal, those that are left of an indented line of a pytest report.
WIDTH = 72


def missed(bundle: Bundle, report: ParityReport, on_device: DeviceParity | None) -> str:
    """Of a bundle that missed a threshold."""
    tables = (as_text(table, WIDTH) for table in parity_tables(report, on_device))
    first = f"{bundle.directory} misses parity: {', '.join(report.failed)}"
    computes_wrongly = report.failed != (own_words.STAGE,)
    return _lines(first, "", *tables, *(_first_wrong(bundle) if computes_wrongly else ()))


def refused(error: EdgeconvError, directory: Path) -> str:
    """Of a bundle whose files are not those that were exported."""
    try:
        altered = Bundle.load(directory, altered=True)
    except EdgeconvError:  # said already
        return str(error)
    return _lines(str(error), *_first_wrong(altered))


def _lines(*texts: str) -> str:
    """All of them, without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for text in texts for line in text.split("\n"))


def _first_wrong(bundle: Bundle) -> Iterator[str]:
    """A line that names the tensor, as `edgeconv diagnose` would on this machine."""
    try:
        from edgeconv.export.bundle.diagnosed import diagnose  # it is not edgeconv-runtime's

        found = diagnose(bundle).first_bad
    except (EdgeconvError, ModuleNotFoundError) as error:
        why = str(error) if isinstance(error, EdgeconvError) else advice_without(error)
        if why is None:
            raise
        yield f"which tensor is wrong cannot be told: {why}"
        return
    if found is None:
        yield "no tensor is wrong by itself on this machine, as `edgeconv diagnose` tells"
    else:
        yield f"first wrong tensor: {found.place} in {found.artifact}: {found.message}"
