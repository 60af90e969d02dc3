"""edgeconv embed: a small project around a bundle's file, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli.bundles import bundle_directory
from edgeconv.cli.options import complete, output
from edgeconv.report.console import say
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from edgeconv.embed.check import Report


@within_free_memory()
def embed(
    bundle: str = typer.Argument(
        help="A bundle's directory, or the name of a net exported here.",
        autocompletion=complete.bundle,
    ),
    consumer: str = typer.Option(..., "--as", metavar="KIND", help="web, python, c or kotlin."),
    file: str | None = typer.Option(
        None,
        help="Which file of the bundle, such as int8.tflite.",
        show_default="the smallest that opens there",
    ),
    out: Path | None = typer.Option(
        None, help="The project's directory.", show_default="./NET-KIND"
    ),
    check: bool = typer.Option(
        False, "--check", help="Build the project and run it on the golden photos; exit 1 if off."
    ),
    force: bool = output.FORCE,
    as_json: bool = output.JSON,
) -> None:
    """Write a small app around a file of BUNDLE: decode, resize, crop, run, name the classes.

    The project needs an engine and an image decoder, nothing else, and tests itself on the bundle's
    golden photos: decoding, resizing and inference apart.
    """
    from edgeconv.embed import consumers

    chosen = consumers.consumer(consumer)
    source = bundle_directory(bundle)
    directory = out or Path(f"{source.absolute().name}-{chosen.name}")
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.embed import project

    project.check_free(directory, force=force)
    about = project.choose(Bundle.load(source), chosen, file)
    files = project.write(about, chosen, directory, force=force)
    report = _checked(directory, chosen.name) if check else None
    document: dict[str, Any] = {
        "project": str(directory),
        "as": chosen.name,
        "file": about.artifact,
        "files": [str(path) for path in files],
        "check": None if report is None else report.to_json(),
    }
    output.show(document, lambda: _show(directory, files, report), as_json=as_json)
    if report is not None:
        report.require()


def _checked(directory: Path, kind: str) -> Report:
    from edgeconv.embed.check import check

    return check(directory, kind)


def _show(directory: Path, files: list[Path], report: Report | None) -> None:
    from edgeconv.report.tables import Column, Table, show

    say(str(directory))
    sizes = [(str(path), (directory / path).stat().st_size) for path in files]
    show(Table((Column("file"), Column("size", "size")), sizes))
    if report is None:
        return
    columns = (Column("golden photo"), Column("step"), Column("verdict"), Column("found"))
    rows = [(r.photo, r.step, "ok" if r.passed else "differs", r.found) for r in report.results]
    say("")
    show(Table(columns, rows))
