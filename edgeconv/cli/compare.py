"""edgeconv compare: is one measurement faster than another, or is it chance?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.options import output
from edgeconv.cli.options.percent import percent
from edgeconv.cli.shown.latency import comparison_table
from edgeconv.report.console import say
from edgeconv.report.markdown import write_markdown
from edgeconv.report.tables import show

if TYPE_CHECKING:
    from edgeconv.devices.bench.compare import CompareReport


def compare(
    a: Path = typer.Argument(metavar="A.json", help="What `bench --json-file` wrote before."),
    b: Path = typer.Argument(metavar="B.json", help="What it wrote afterwards."),
    fail_above: str | None = typer.Option(
        None,
        help="Exit 1 where B is slower by more than this, such as 5%, and not by chance.",
    ),
    artifact: list[str] | None = typer.Option(
        None,
        help="Only this file; given twice, this one of A against that one of B.",
    ),
    junit: Path | None = output.JUNIT,
    markdown: Path | None = output.MARKDOWN,
    as_json: bool = output.JSON,
) -> None:
    """Compare two bench documents: faster, slower, no difference, or too noisy to tell.

    A difference is called one where chance alone makes it in less than 1 % of cases: an exact
    permutation test over the processes. With five processes or more on each side. A and B are
    geometric means of the processes' medians, and what B takes is their ratio.
    """
    from edgeconv.devices.bench.compare import compare_files
    from edgeconv.disk import check_writable
    from edgeconv.errors import ThresholdMissed

    check_writable(junit)
    check_writable(markdown)
    limit = None if fail_above is None else percent("--fail-above", fail_above)
    report = compare_files(a, b, *_artifacts(artifact))
    for warning in report.warnings:
        say(f"warning: {warning}", err=True)
    try:
        if junit is not None:
            _write_junit(junit, report, limit)
        if markdown is not None:
            write_markdown(markdown, f"{b.name} against {a.name}", [comparison_table(report)])
    finally:
        output.show(report, lambda: show(comparison_table(report)), as_json=as_json)
    slower = [] if limit is None else report.regressions(limit)
    if slower:
        named = ", ".join(
            f"{row.artifact} on {row.threads} thread(s) {row.comparison.percent:+.1f} %"
            for row in slower
        )
        raise ThresholdMissed(f"slower by more than {limit:g} %: {named}")


def _artifacts(names: list[str] | None) -> tuple[str | None, str | None]:
    from edgeconv.errors import UsageError

    if not names:
        return None, None
    if len(names) > 2:
        raise UsageError("--artifact is given once, or twice: one of A and one of B")
    return names[0], names[-1]


def _write_junit(path: Path, report: CompareReport, limit: float | None) -> None:
    """A case a row; without a limit every row passes."""
    from edgeconv.report import junit

    cases = [
        junit.Case(
            name=f"{row.artifact} {row.engine} {row.threads} thread(s)",
            passed=limit is None or not row.comparison.is_regression(limit),
            message=f"{row.comparison.verdict}, {row.comparison.percent:+.1f} %",
            figures={"a": row.a, "b": row.b, "ratio": row.comparison.ratio},
        )
        for row in report.rows
    ]
    junit.write_junit(path, "bench", cases)
