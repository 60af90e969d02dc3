"""edgeconv report: what many documents tell, as one table, one page, and a gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.options import output
from edgeconv.cli.options.percent import percent
from edgeconv.cli.shown.report import show_report, worse_in_words
from edgeconv.report.console import say

if TYPE_CHECKING:
    from edgeconv.summary.gate import Verdict
    from edgeconv.summary.row import Collection

_MOST_POINTS = 100.0


def report(
    results: list[Path] = typer.Argument(
        metavar="RESULTS",
        help="Bundles, JSON documents of export, parity, eval, bench and sweep, folders of them.",
    ),
    html: Path | None = typer.Option(
        None, help="Also write a page that holds all it needs, to be sent around."
    ),
    data: Path | None = typer.Option(
        None, help="Folder of the photos, for the page to show those that int8 tells otherwise."
    ),
    csv: Path | None = typer.Option(None, help="Also write the rows for a spreadsheet."),
    baseline: Path | None = typer.Option(
        None, help="Compare with this: what `report --json` wrote, a document, or a folder."
    ),
    fail_above: str | None = typer.Option(
        None,
        help="Exit 1 where a row is slower (not by chance) or larger by more than this, as 5%.",
    ),
    fail_drop: float | None = typer.Option(
        None,
        min=0.0,
        max=_MOST_POINTS,
        help="Exit 1 where a row lost more points of accuracy than this, and not by chance.",
    ),
    as_json: bool = output.JSON,
) -> None:
    """One table of what was exported, judged and measured: each file on each device a row.

    What is told of one file comes together by its hash, whichever documents tell it. What cannot be
    read is named, and left out. With --baseline rows are compared with those of before, corrected
    for how many there are.
    """
    from edgeconv.disk import check_writable, write_whole
    from edgeconv.errors import ThresholdMissed, UsageError
    from edgeconv.report.progress import Steps
    from edgeconv.summary import csv_file, form
    from edgeconv.summary.collect import collect

    slower = None if fail_above is None else percent("--fail-above", fail_above)
    if baseline is None and (slower is not None or fail_drop is not None):
        raise UsageError("--fail-above and --fail-drop compare with something; give --baseline")
    if data is not None and html is None:
        raise UsageError("--data is for the page; give --html too")
    check_writable(html)
    check_writable(csv)
    with Steps(lasting=False) as progress:
        found = collect(results, progress)
        verdict = None if baseline is None else _against(baseline, found, slower, fail_drop)
    if not found.rows and not found.failed:
        raise UsageError("there is nothing to report: " + _nothing(found))
    if html is not None:
        from edgeconv.summary.page import write_page

        write_page(html, found, data)
    if csv is not None:
        write_whole(csv, csv_file.as_csv(found).encode())
    document = (
        form.document(found) if verdict is None else {**form.document(found), "gate": verdict}
    )
    output.show(document, lambda: show_report(found, verdict), as_json=as_json)
    for one in found.unread:
        say(f"warning: {one.path} was left out: {one.why}", err=True)
    if verdict is not None and verdict.worse:
        raise ThresholdMissed(worse_in_words(verdict))


def _nothing(found: Collection) -> str:
    if not found.unread:
        return "no bundle and no document was found"
    first, more = found.unread[0], len(found.unread) - 1
    return f"{first.path}: {first.why}" + (f"; and {more} more" if more else "")


def _against(
    baseline: Path, found: Collection, slower: float | None, points: float | None
) -> Verdict:
    from edgeconv.summary.before import read_before
    from edgeconv.summary.changes import Allowed
    from edgeconv.summary.gate import judge

    return judge(read_before(baseline), found, Allowed(slower, points))
