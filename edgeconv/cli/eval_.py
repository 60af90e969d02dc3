"""edgeconv eval: accuracy on labelled photos, paired with the float net's."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.bundles import given_or_here
from edgeconv.cli.options import complete, output
from edgeconv.cli.options import device as devices
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.shown.accuracy import show_evaluations
from edgeconv.errors import UsageError
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeconv.cli.models import Models
    from edgeconv.data.folders import LabelledImage
    from edgeconv.devices.profile.model import Profile
    from edgeconv.verify.accuracy.evaluate import Evaluation


@gathered
@within_free_memory()
def evaluate(
    *,
    data: Path = typer.Option(help="Folder of photos, or of one sub-folder a class."),
    target: str | None = typer.Argument(
        None,
        metavar="BUNDLE|FILE",
        help="A bundle, the name of a net exported here, or one model file.",
        show_default="the bundles in this directory",
        autocompletion=complete.bundle_or_file,
    ),
    labels: Path | None = typer.Option(
        None,
        help="CSV with the columns file and label.",
        show_default="DIR.csv, DIR/labels.csv",
    ),
    threads: int = typer.Option(1, min=1, help="Threads of the engines."),
    device: str = devices.DEVICE,
    way: devices.Way,
    as_json: bool = output.JSON,
) -> None:
    """Top-1, top-5, agreement with float, and the paired drop (McNemar) with its interval.

    The float file of a bundle is the reference. A single FILE is judged against the float file of
    the bundle it stands in, or alone where it stands in none. On a device, the reference runs here,
    and every other file both there and here.
    """
    from edgeconv.cli.models import models_to_evaluate
    from edgeconv.data.folders import labelled

    if not data.is_dir():
        raise UsageError(f"--data {data} is no folder; give one of photos")
    if labels is not None and not labels.is_file():
        raise UsageError(f"--labels {labels}: there is no such file")
    chosen = devices.profile(device, way)
    targets = given_or_here([] if target is None else [target])
    models = [models_to_evaluate(one) for one in targets]
    photos = [labelled(data, labels, class_names=one.labels, classes=one.classes) for one in models]
    found = [
        _found(target, one.reference, _evaluated(one, labelled_photos, chosen, threads))
        for target, one, labelled_photos in zip(targets, models, photos, strict=True)
    ]
    output.show_each(found, as_json=as_json)


def _found(target: str, reference: str, evaluations: list[Evaluation]) -> output.Found:
    document = {"reference": reference, "evaluations": evaluations}
    return output.Found(target, document, lambda: show_evaluations(evaluations, reference))


def _evaluated(
    models: Models, photos: Sequence[LabelledImage], chosen: Profile, threads: int
) -> list[Evaluation]:
    """One target's files, here or on a device."""
    from edgeconv.devices.agent.session import opener
    from edgeconv.report.progress import Steps
    from edgeconv.verify.accuracy.evaluate import evaluate as run

    with ExitStack() as stack:
        artifacts, elsewhere = models.artifacts, None
        if chosen.transport != devices.LOCAL:
            artifacts = _for_engines(models.artifacts, models.reference, chosen)
            elsewhere = opener(stack.enter_context(devices.machine(chosen)))
        return run(
            artifacts,
            models.reference,
            photos,
            models.preprocessing,
            threads=threads,
            elsewhere=elsewhere,
            progress=stack.enter_context(Steps(lasting=False)),
            parts=models.parts,
        )


def _for_engines(artifacts: dict[str, Path], reference: str, chosen: Profile) -> dict[str, Path]:
    """The files the device's engines open; the reference runs here in any case."""
    from edgeconv.runtime.open import engine_of

    kept = {n: p for n, p in artifacts.items() if engine_of(p) in chosen.engines}
    if not kept:
        raise UsageError(f"{chosen.name} has {', '.join(chosen.engines)}; no file here is for it")
    return {reference: artifacts[reference]} | {f"{n} on {chosen.name}": p for n, p in kept.items()}
