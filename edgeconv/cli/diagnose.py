"""edgeconv diagnose: the first tensor of a bundle that goes wrong, and what would mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.bundles import bundle_directory
from edgeconv.cli.options import complete, output
from edgeconv.cli.shown.diagnosis import show_diagnosis
from edgeconv.report.console import say
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.verify.diagnose import Diagnosis


@within_free_memory()
def diagnose(
    bundle: str = typer.Argument(
        help="A bundle's directory, or the name of a net exported here.",
        autocompletion=complete.bundle,
    ),
    photos: int = typer.Option(4, min=1, help="Golden photos to run; the bundle holds 8."),
    html: Path | None = typer.Option(None, help="Also write one self-contained page with plots."),
    model_explorer: Path | None = typer.Option(
        None,
        metavar="DIR",
        help="Also write overlays for Google's Model Explorer: each tensor's error in the int8 "
        "TFLite file.",
    ),
    altered: bool = typer.Option(
        False, "--altered", help="Diagnose a bundle whose files were changed after the export, too."
    ),
    as_json: bool = output.JSON,
) -> None:
    """Walk a BUNDLE's files tensor by tensor and name the first one that is broken.

    Tells what an operator adds by itself from what it inherits. Exits 1 where a tensor is worse
    than quantization explains.
    """
    from edgeconv.disk import check_folder, check_writable, sha256_of
    from edgeconv.errors import ThresholdMissed

    check_writable(html)
    check_folder("--model-explorer", model_explorer)
    directory = bundle_directory(bundle)

    from edgeconv.bundle.bundle import Bundle

    opened = Bundle.load(directory, altered=altered)
    files = {name: sha256_of(path) for name, path in opened.artifacts.items()}
    found = _diagnose(opened, photos)
    try:
        if html is not None:
            from edgeconv.report import html_diagnosis

            html_diagnosis.write(html, directory.name, found)
        if model_explorer is not None:
            _write_overlays(model_explorer, found)
    finally:  # what was found is shown all the same
        document = {"bundle": str(directory), "files": files, **found.to_json()}
        output.show(document, lambda: show_diagnosis(found), as_json=as_json)
    first = found.first_bad
    if first is not None:
        raise ThresholdMissed(f"{first.place} is broken in {first.artifact}: {first.message}")


def _write_overlays(folder: Path, found: Diagnosis) -> None:
    """Of the int8 TFLite file: what each operator adds, and the error after all before it."""
    from edgeconv.report import model_explorer

    file = "int8.tflite"
    own = {t.name: t.own[file].sqnr_db for t in found.tensors if file in t.own}
    total = {t.name: t.total_db[file] for t in found.tensors if file in t.total_db}
    for name, title, figures in (
        ("own_error", "SQNR in dB that the operator has by itself", own),
        ("total_error", "SQNR in dB after all that came before", total),
    ):
        path = folder / f"model.{file}.{name}.json"
        model_explorer.write(path, title, figures, least_is_worst=True)


def _diagnose(bundle: Bundle, photos: int) -> Diagnosis:
    from edgeconv.export.bundle.diagnosed import diagnose as walk
    from edgeconv.report.progress import Said

    held = len(bundle.golden.samples)
    if photos > held:
        say(f"warning: the bundle holds {held} golden samples, not {photos}", err=True)
    return walk(bundle, photos, Said())
