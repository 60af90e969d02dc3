"""Runs model files over photos and keeps of each photo what a task's figures are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.inputs import Intake
from edgeconv.disk import sha256_of
from edgeconv.errors import RefusedError, UsageError
from edgeconv.progress import SILENT, Progress
from edgeconv.runtime.adapt import batch_size, run_outputs
from edgeconv.runtime.session import Kernels, Opener, Session, SessionOptions, TensorSpec
from edgeconv.verify.accuracy.evaluate import CHUNK, FAR, batches, open_exact
from edgeconv.verify.accuracy.losses import CountedLoss, Shown
from edgeconv.verify.parity.golden_runs import in_order
from edgeconv.verify.tasks.drops import Loss, shown
from edgeconv.verify.tasks.figures import Figure, FileFigures

#: One photo's outputs, in the files' order.
Outputs = Sequence[NDArray[Any]]
Expected = TypeVar("Expected")
Kept = TypeVar("Kept")

#: Bytes of outputs of one file that are held at a time.
_HELD_BYTES = 64 * 2**20


class Task(Protocol[Expected, Kept]):
    """What is asked of files."""

    def expect(self, photo: int, outputs: Outputs) -> Expected:
        """What files are held against for a photo: its labels, and the reference's outputs.

        Raises:
            RefusedError: the reference's outputs, or the labels, are not what the task needs.
        """
        ...

    def keep(self, outputs: Outputs, expected: Expected, /) -> Kept:
        """What is needed later of a file's outputs for a photo."""
        ...

    def figures(self, kept: Sequence[Kept], reference: Sequence[Kept] | None) -> list[Figure]:
        """What was found over all photos; `reference` is None for the reference itself."""
        ...

    def loss(self, kept: Sequence[Kept], reference: Sequence[Kept]) -> Loss | CountedLoss:
        """How much worse a file is than the reference, in what the task is judged by."""
        ...


def require_finite(specs: Sequence[TensorSpec], outputs: Outputs, photo: int) -> None:
    """Raises RefusedError where the reference's outputs hold NaN or infinity."""
    for spec, array in zip(specs, outputs, strict=True):
        if not np.isfinite(array).all():
            raise RefusedError(
                f"the float file's output {spec.name} for sample {photo} (from 0) holds NaN or "
                "infinity: the net or its weights are broken"
            )


def evaluate(
    artifacts: Mapping[str, Path],
    reference: str,
    photos: Sequence[Path],
    intake: Intake,
    task_of: Callable[[Sequence[TensorSpec]], Task[Expected, Kept]],
    *,
    max_drop: float | None = None,
    threads: int = 1,
    elsewhere: Opener | None = None,
    progress: Progress = SILENT,
) -> list[FileFigures]:
    """A task's figures of every file.

    Args:
        artifacts: model files by the name they are shown under.
        reference: which of them is the float reference, which runs on this machine.
        photos: files of photos or tensors.
        intake: what the files take, and how a photo becomes it.
        task_of: makes the task for the outputs that the reference has.
        max_drop: most that a file may lose, in the unit of the task's loss.
        threads: of each engine.
        elsewhere: opens the other files on a device.
        progress: told how many photos are done.

    Raises:
        UsageError: no photo, or labels that do not fit the net.
        ImageRefused: a photo cannot be decoded; names it.
        RefusedError: a file cannot be run, or its outputs do not fit the reference's.
    """
    if not photos:
        raise UsageError("there is no sample to evaluate on")
    first, first_kernels = open_exact(artifacts[reference], threads)
    task = task_of(first.outputs)
    opened = {
        name: _opened(path, threads, elsewhere)
        for name, path in artifacts.items()
        if name != reference
    }
    kept: dict[str, list[Kept]] = {name: [] for name in artifacts}
    done, most = 0, _most_photos(first, far=elsewhere is not None)
    progress.step(f"evaluate on the {intake.samples}", len(photos))
    names = [spec.name for spec in first.outputs]
    for images in batches(photos, intake, most):
        exact = in_order(names, first, run_outputs(first, images))
        rows = list(_rows(exact))
        expected = [task.expect(done + i, row) for i, row in enumerate(rows)]
        for name, own in kept.items():
            outputs = exact
            if name != reference:
                session = opened[name][0]
                outputs = in_order(names, session, run_outputs(session, images))
            _require_alike(name, outputs, exact)
            own += map(task.keep, rows if name == reference else _rows(outputs), expected)
        done += len(images)
        progress.advance(done)
    opened[reference] = (first, first_kernels)
    return [
        FileFigures(
            name,
            sha256_of(artifacts[name]),
            opened[name][0].engine,
            opened[name][1],
            *_found(task, own, None if name == reference else kept[reference], max_drop),
        )
        for name, own in kept.items()
    ]


def _found(
    task: Task[Expected, Kept],
    own: Sequence[Kept],
    reference: Sequence[Kept] | None,
    max_drop: float | None,
) -> tuple[tuple[Figure, ...], Shown | None]:
    """A file's figures and bound; `reference` is None for the reference itself."""
    bound = None
    if reference is not None and max_drop is not None:
        bound = shown(task.loss(own, reference), max_drop)
    return tuple(task.figures(own, reference)), bound


def _opened(path: Path, threads: int, elsewhere: Opener | None) -> tuple[Session, Kernels]:
    if elsewhere is None:
        return open_exact(path, threads)
    return elsewhere(path, SessionOptions(threads=threads)), "default"


def _most_photos(session: Session, *, far: bool) -> int:
    """As many as hold little memory: maps of classes take ten megabytes a photo and more."""
    batch = batch_size(session)
    of_a_photo = sum(spec.nbytes for spec in session.outputs) // batch
    most = min(FAR if far else CHUNK, _HELD_BYTES // max(of_a_photo, 1))
    return max(batch, most - most % batch)  # what runs at once, runs full


def _rows(outputs: Outputs) -> Iterator[Outputs]:
    """The outputs of each photo."""
    return (list(row) for row in zip(*outputs, strict=True))


def _require_alike(name: str, outputs: Outputs, expected: Outputs) -> None:
    own, theirs = ([array.shape[1:] for array in arrays] for arrays in (outputs, expected))
    if own != theirs:
        raise RefusedError(
            f"{name} has outputs of shapes {own} for a sample, the float file {theirs}; they are "
            "of different nets"
        )
