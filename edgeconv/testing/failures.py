"""What a failed test says: the stages, and the first tensor that is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv import child
from edgeconv.bundle import own_words
from edgeconv.bundle.bundle import Bundle
from edgeconv.cli.shown.parity import parity_tables
from edgeconv.errors import EdgeconvError, ThresholdMissed
from edgeconv.report.tables import as_text

if TYPE_CHECKING:
    from edgeconv.verify.parity.on_device import DeviceParity
    from edgeconv.verify.parity.stages import ParityReport

#: Of the 80 columns of a terminal, those that are left of an indented line of a pytest report.
WIDTH = 72
#: A net of the largest kind takes minutes.
_LIMIT_S = 1800


def missed(bundle: Bundle, report: ParityReport, on_device: DeviceParity | None) -> str:
    """Of a bundle that missed a threshold."""
    tables = (as_text(table, WIDTH) for table in parity_tables(report, on_device))
    first = f"{bundle.directory} misses parity: {', '.join(report.failed)}"
    if report.failed == (own_words.STAGE,):  # all of them compute what they should
        return _lines(first, "", *tables)
    return _lines(first, "", *tables, _first_wrong(bundle))


def refused(error: EdgeconvError, directory: Path) -> str:
    """Of a bundle whose files are not those that were exported."""
    try:
        altered = Bundle.load(directory, altered=True)
    except EdgeconvError:  # said already
        return str(error)
    return _lines(str(error), _first_wrong(altered))


def _lines(*texts: str) -> str:
    """All of them, without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for text in texts for line in text.split("\n"))


def _first_wrong(bundle: Bundle) -> str:
    """A line that names the tensor, as `edgeconv diagnose` does on this machine.

    In a process of its own, for a damaged file may crash an engine or ask for all memory.
    """
    words = ["diagnose", "--altered", "--", str(bundle.directory.absolute())]
    try:
        done = subprocess.run(
            [*child.command("edgeconv"), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=child.environment(),
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"which tensor is wrong cannot be told: {error}"
    if done.returncode == 0:
        return "no tensor is wrong by itself on this machine, as `edgeconv diagnose` tells"
    lines = done.stderr.splitlines() or [f"exit code {done.returncode}"]
    said = lines[-1].removeprefix("error: ")
    if done.returncode == ThresholdMissed.exit_code:
        return f"first wrong tensor: {said}"
    return f"which tensor is wrong cannot be told: {said}"
