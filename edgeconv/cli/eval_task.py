"""Evaluation in any task but classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.errors import UsageError

if TYPE_CHECKING:
    from edgeconv.cli.models import Models
    from edgeconv.cli.options.tasks import TaskName, TaskOptions
    from edgeconv.runtime.session import TensorSpec
    from edgeconv.verify.tasks.run import Task


@dataclass(frozen=True, eq=False)
class Judged:
    """A task that is ready to run.

    Attributes:
        photos: that it is about, in its own order.
        task_of: makes it for the outputs that the reference has.
        note: what its figures mean, for people.
    """

    photos: Sequence[Path]
    task_of: Callable[[Sequence[TensorSpec]], Task[Any]]
    note: str


def prepared(name: TaskName, models: Models, data: Path, options: TaskOptions) -> Judged:
    """Reads the labels of a task.

    Raises:
        UsageError: an option is missing, or is none of this task's; labels that do not fit.
        RefusedError: labels that cannot be read.
    """
    _require_fitting(name, models, options)
    return _agreement(models, data)


def _require_fitting(name: TaskName, models: Models, options: TaskOptions) -> None:
    if name == "agreement" and options.labels is not None:
        raise UsageError(
            f"--labels {options.labels}: agreement with float has no labels; name their --task"
        )
    if name == "agreement" and len(models.artifacts) < 2:
        raise UsageError(
            f"{models.reference} has no float file beside it to agree with; give a bundle, or a "
            "file in one"
        )


def _agreement(models: Models, data: Path) -> Judged:
    from edgeconv.data.folders import list_images
    from edgeconv.verify.tasks.agreement import Agreement

    return Judged(
        list_images(data),
        lambda outputs: Agreement(outputs, models.output_parts),
        f"against {models.reference}, on the same photos",
    )
