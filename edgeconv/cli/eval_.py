"""edgeconv eval: accuracy on labelled photos, paired with the float net's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def evaluate(
    target: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE|FILE",
            help="A bundle, the name of a net exported here, or one model file.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(help="Folder of photos, or of one sub-folder a class.", show_default=False),
    ],
    labels: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(
            help="CSV with the columns file and label.", show_default="DIR.csv, DIR/labels.csv"
        ),
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of the engines.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Top-1, top-5, agreement with float, and the paired drop (McNemar) with its interval.

    The float file of a bundle is the reference. A single FILE is judged against the float file of
    the bundle it stands in, or alone where it stands in none.
    """
    from edgeconv.cli.models import models_to_evaluate
    from edgeconv.data.folders import labelled
    from edgeconv.report.progress import progress
    from edgeconv.verify.evaluate import evaluate as run

    models = models_to_evaluate(target)
    photos = labelled(data, labels, class_names=models.labels, classes=models.classes)
    with progress("evaluate", len(photos), unit="photos") as advance:
        evaluations = run(
            models.artifacts,
            models.reference,
            photos,
            models.preprocessing,
            threads=threads,
            on_progress=advance,
        )
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"reference": models.reference, "evaluations": evaluations})
    else:
        from edgeconv.cli.shown import show_evaluations

        show_evaluations(evaluations, models.reference)
