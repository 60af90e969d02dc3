"""edgeconv parity: every artifact of a bundle against the float reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from edgeconv.cli import arguments


def parity(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle's directory, or the name of a net exported here.", show_default=False
        ),
    ],
    float_error: Annotated[
        Optional[float],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(
            help="Largest error of the float files, as a share of the largest logit.",
            show_default="1e-5; 1e-4 past 50 layers",
        ),
    ] = None,
    int8_sqnr: Annotated[
        float, typer.Option(help="Least logit SQNR of the int8 files against float, in dB.")
    ] = 10.0,
    junit: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also write the stages as a JUnit XML file.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run every file of a BUNDLE on its golden photos and compare it with the PyTorch reference.

    Exits 1 where a stage misses its threshold.
    """
    directory = arguments.bundle_directory(bundle)
    from edgeconv.errors import ThresholdMissed
    from edgeconv.export.bundle import Bundle
    from edgeconv.verify.parity import Thresholds

    opened = Bundle.load(directory)
    thresholds = Thresholds.of(float_error=float_error, int8_sqnr_db=int8_sqnr)
    report = opened.parity(thresholds)
    for warning in report.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if junit is not None:
        from edgeconv.cli.shown import write_junit

        write_junit(junit, directory.name, report)
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"bundle": str(directory), **report.to_json()})
    else:
        from edgeconv.cli.shown import show_parity

        show_parity(report)
    if not report.passed:
        raise ThresholdMissed(f"parity missed its threshold: {'; '.join(report.failed)}")
