"""edgeconv eval: what files do on photos, paired with the float net."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli.bundles import given_or_here
from edgeconv.cli.options import complete, output
from edgeconv.cli.options import device as devices
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.options.tasks import TaskOptions
from edgeconv.cli.shown.accuracy import show_evaluations
from edgeconv.cli.shown.bounds import require_shown, write_junit
from edgeconv.cli.shown.tasks import show_figures
from edgeconv.errors import UsageError
from edgeconv.runtime.memory import within_free_memory
from edgeconv.verify.tasks.prepare import Judged, Prepared, TaskRequest, prepared

if TYPE_CHECKING:
    from edgeconv.cli.models import Models
    from edgeconv.data.folders import LabelledImage
    from edgeconv.devices.profile.model import Profile
    from edgeconv.progress import Progress
    from edgeconv.runtime.session import Opener
    from edgeconv.verify.accuracy.evaluate import Spread

    _Run = Callable[[str, "_Where"], output.Found]


@gathered
@within_free_memory()
def evaluate(
    *,
    data: Path = typer.Option(
        help="Folder of photos; of .npy or .npz files for nets that take tensors."
    ),
    target: str | None = typer.Argument(
        None,
        metavar="BUNDLE|FILE",
        help="A bundle, the name of a net exported here, or one model file.",
        show_default="the bundles in this directory",
        autocompletion=complete.bundle_or_file,
    ),
    threads: int = typer.Option(1, min=1, help="Threads of the engines."),
    asked: TaskOptions,
    device: str = devices.DEVICE,
    way: devices.Way,
    scheduler: str | None = typer.Option(
        None,
        metavar="ADDRESS",
        help="Spread the photos of a classifier over a Dask cluster, such as tcp://10.0.0.2:8786.",
        show_default="all run here",
    ),
    junit: Path | None = output.JUNIT,
    as_json: bool = output.JSON,
) -> None:
    """What each file does on photos, beside the float file: accuracy, and how often they agree.

    Of classifiers top-1, top-5, and the paired drop (McNemar) with its interval; of other nets, and
    without labels, the agreement of their outputs with float.

    The float file of a bundle is the reference. A single FILE is judged against the float file of
    the bundle it stands in, or alone where it stands in none. On a device, the reference runs here,
    and every other file there; those of classifiers run here too, to be compared.
    """
    from edgeconv.cli.models import models_to_evaluate
    from edgeconv.disk import check_writable

    check_writable(junit)
    if not data.is_dir():
        raise UsageError(
            f"--data {data} is no folder; give one of photos, or of .npy or .npz files"
        )
    where = _Where(devices.profile(device, way), threads, scheduler)
    targets = given_or_here([] if target is None else [target])
    models = [models_to_evaluate(one, data) for one in targets]
    runs = [_prepared(*each, data, asked, where) for each in zip(targets, models, strict=True)]
    found = [run(target, where) for target, run in zip(targets, runs, strict=True)]
    try:
        if junit is not None:
            write_junit(junit, found)
    finally:  # what was found is shown all the same
        output.show_each(found, as_json=as_json)
    require_shown(found)


@dataclass(frozen=True)
class _Where:
    """Where files run.

    Attributes:
        profile: the device's.
        threads: of each engine.
        scheduler: address of a Dask cluster's over which photos are spread; None: they are not.
    """

    profile: Profile
    threads: int
    scheduler: str | None

    def __post_init__(self) -> None:
        """Raises UsageError where a cluster and a device are named."""
        if self.scheduler is not None and self.profile.transport != devices.LOCAL:
            raise UsageError(
                f"--scheduler spreads photos over a cluster, --device {self.profile.name} runs "
                "them on one device; give one of the two"
            )


def _prepared(target: str, models: Models, data: Path, asked: TaskOptions, where: _Where) -> _Run:
    """What will run on one target's files, with its labels read."""
    from edgeconv.data.samples import require_kind

    name = asked.task or ("classification" if _names_classes(models, data, asked) else "agreement")
    request = asked.request(name)
    if where.scheduler is not None and name != "classification":
        raise UsageError(
            f"--scheduler spreads classification alone, and {target} is judged by {name}; leave "
            "--scheduler out"
        )
    if name == "classification":
        photos = _labelled(models, data, asked.labels)
        require_kind([photo.path for photo in photos], models.intake, target)
        return partial(_classified, models, photos, asked.max_drop)
    judged = Judged(models.reference, models.intake, models.output_parts, len(models.artifacts) < 2)
    task = prepared(request, judged, data)
    require_kind(task.photos, models.intake, target)
    return partial(_in_task, models, request, task, asked.max_drop)


def _names_classes(models: Models, data: Path, asked: TaskOptions) -> bool:
    """Whether classes are to be judged; tensors without any label are judged by agreement."""
    from edgeconv.data.folders import holds_labels

    if models.classes is None:
        return False
    return asked.labels is not None or not models.takes_tensors or holds_labels(data)


def _labelled(models: Models, data: Path, labels: Path | None) -> list[LabelledImage]:
    from edgeconv.data.folders import labelled

    if labels is not None and not labels.is_file():
        raise UsageError(f"--labels {labels}: there is no such file")
    return labelled(data, labels, class_names=models.labels, classes=models.require_classes())


def _classified(
    models: Models,
    photos: list[LabelledImage],
    max_drop: float | None,
    target: str,
    where: _Where,
) -> output.Found:
    """Top-1 and what belongs to it, here, on a device or on a cluster."""
    from edgeconv.verify.accuracy.evaluate import evaluate as run

    with _opened(models, where.profile) as way, _spread(models, where, way.progress) as spread:
        evaluations = run(
            way.artifacts,
            models.reference,
            photos,
            models.intake,
            max_drop=max_drop,
            threads=where.threads,
            elsewhere=way.elsewhere,
            progress=way.progress,
            parts=models.parts,
            spread=spread,
        )
    document = {
        "task": "classification",
        "photos": len(photos),
        "reference": models.reference,
        **_provenance(where.profile),
        "evaluations": evaluations,
    }

    def in_words() -> None:
        show_evaluations(evaluations, models.reference, models.intake.samples)

    return output.Found(target, document, in_words)


def _in_task(
    models: Models,
    request: TaskRequest,
    task: Prepared,
    max_drop: float | None,
    target: str,
    where: _Where,
) -> output.Found:
    """Another task's figures, here or on a device."""
    from edgeconv.verify.tasks.run import evaluate as run

    with _opened(models, where.profile) as way:
        files = run(
            way.artifacts,
            models.reference,
            task.photos,
            models.intake,
            partial(task.task_of, task.photos),
            max_drop=max_drop,
            threads=where.threads,
            elsewhere=way.elsewhere,
            progress=way.progress,
        )
    document = {
        "task": request.task,
        "photos": len(task.photos),
        "reference": models.reference,
        **_provenance(where.profile),
        "evaluations": files,
    }

    def in_words() -> None:
        show_figures(files, len(task.photos), models.intake.samples, task.note)

    return output.Found(target, document, in_words)


def _provenance(chosen: Profile) -> dict[str, Any]:
    """Where the files ran, and the versions of this machine, which prepares what they are fed."""
    from edgeconv.installed import versions

    return {
        "device": chosen.name,
        "versions": versions(("edgeconv", "onnxruntime", "ai-edge-litert", "numpy", "pillow")),
    }


@dataclass(frozen=True, eq=False)
class _Way:
    """Where one target's files run: see `edgeconv.verify.accuracy.evaluate.evaluate`."""

    artifacts: dict[str, Path]
    elsewhere: Opener | None
    progress: Progress


@contextmanager
def _spread(models: Models, where: _Where, progress: Progress) -> Iterator[Spread | None]:
    """Runs photos on a cluster that is reached for as long; None where none is asked for."""
    if where.scheduler is None:
        yield None
        return
    from edgeconv.sweep import cluster
    from edgeconv.sweep.spread_photos import Files, counts

    files = Files(models.artifacts, models.reference, models.intake, models.parts, where.threads)
    with cluster.connect(where.scheduler) as client:
        yield partial(counts, client, progress, files)


@contextmanager
def _opened(models: Models, chosen: Profile) -> Iterator[_Way]:
    """Here, or on a device that is reached for as long."""
    from edgeconv.devices.agent.session import opener
    from edgeconv.report.progress import Steps

    with ExitStack() as stack:
        artifacts, elsewhere = models.artifacts, None
        if chosen.transport != devices.LOCAL:
            artifacts = _for_engines(models.artifacts, models.reference, chosen)
            elsewhere = opener(stack.enter_context(devices.machine(chosen)))
        yield _Way(artifacts, elsewhere, stack.enter_context(Steps(lasting=False)))


def _for_engines(artifacts: dict[str, Path], reference: str, chosen: Profile) -> dict[str, Path]:
    """The files the device's engines open; the reference runs here in any case."""
    from edgeconv.runtime.open import engine_of

    kept = {n: p for n, p in artifacts.items() if engine_of(p) in chosen.engines}
    if not kept:
        raise UsageError(f"{chosen.name} has {', '.join(chosen.engines)}; no file here is for it")
    return {reference: artifacts[reference]} | {f"{n} on {chosen.name}": p for n, p in kept.items()}
