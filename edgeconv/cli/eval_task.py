"""Evaluation in any task but classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.cli.decoders import read_decoder
from edgeconv.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from edgeconv.cli.models import Models
    from edgeconv.cli.options.tasks import TaskName, TaskOptions
    from edgeconv.runtime.session import TensorSpec
    from edgeconv.verify.tasks.run import Task


#: Options that a task needs, and others that it takes.
_OPTIONS: dict[TaskName, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "classification": ((), ("labels",)),
    "agreement": ((), ()),
    "segmentation": (("labels",), ("output",)),
    "detection": (("labels", "decode"), ()),
}
#: What an option is.
_WANTED: dict[tuple[TaskName, str], str] = {
    ("segmentation", "labels"): "a folder of masks, a PNG of class numbers for each photo",
    ("detection", "labels"): "annotations in COCO's JSON form",
    ("detection", "decode"): "a TOML that says how the outputs are read, or FILE.py:function",
}


@dataclass(frozen=True, eq=False)
class Judged:
    """A task that is ready to run.

    Attributes:
        photos: that it is about, in its own order.
        task_of: makes it for the outputs that the reference has.
        note: what its figures mean, for people.
    """

    photos: Sequence[Path]
    task_of: Callable[[Sequence[TensorSpec]], Task[Any, Any]]
    note: str


def prepared(name: TaskName, models: Models, data: Path, options: TaskOptions) -> Judged:
    """Reads the labels of a task other than classification.

    Raises:
        UsageError: an option is missing, or is none of this task's; labels that do not fit.
        RefusedError: labels that cannot be read.
    """
    require_fitting(name, options)
    if name == "segmentation":
        return _segmentation(models, data, options)
    if name == "detection":
        return _detection(models, data, options)
    return _agreement(models, data)


def require_fitting(name: TaskName, options: TaskOptions) -> None:
    """Raises UsageError where an option is missing, or is none of the task's."""
    needed, possible = _OPTIONS[name]
    for option in ("labels", "output", "decode"):
        given = getattr(options, option)
        if given is None and option in needed:
            raise UsageError(f"--task {name} needs --{option}: {_WANTED[name, option]}")
        if given is not None and option not in needed + possible:
            raise UsageError(
                f"--{option} {given} says nothing to --task {name}; name another --task, or leave "
                "it out"
            )


def _agreement(models: Models, data: Path) -> Judged:
    from edgeconv.data.folders import list_samples
    from edgeconv.verify.tasks.agreement import Agreement

    if len(models.artifacts) < 2:
        raise UsageError(
            f"{models.reference} has no float file beside it to agree with; give a bundle, or a "
            "file in one"
        )
    return Judged(
        list_samples(data),
        lambda outputs: Agreement(outputs, models.output_parts),
        f"against {models.reference}, on the same photos",
    )


def _segmentation(models: Models, data: Path, options: TaskOptions) -> Judged:
    from edgeconv.data.annotations.masks import masked_photos
    from edgeconv.verify.tasks.segmentation import Segmentation

    photos = masked_photos(data, _labels(options))

    def task_of(outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, options.output)
        return Segmentation(outputs[place], place, photos, models.intake.of_photo(models.reference))

    return Judged(
        [pair.photo for pair in photos],
        task_of,
        f"masks compared at the input's size; float is {models.reference}",
    )


def _detection(models: Models, data: Path, options: TaskOptions) -> Judged:
    from edgeconv.data.annotations.coco import read_coco
    from edgeconv.verify.tasks.coco_figures import require_pycocotools
    from edgeconv.verify.tasks.detection import Detection

    require_pycocotools()
    truth = read_coco(_labels(options), data)
    assert options.decode is not None  # `require_fitting` saw it
    decoder_of = read_decoder(options.decode, truth)
    preprocessing = models.intake.of_photo(models.reference)
    return Judged(
        [picture.path for picture in truth.pictures],
        lambda outputs: Detection(outputs, truth, decoder_of(outputs), preprocessing),
        f"by pycocotools, in the photos' pixels; float is {models.reference}",
    )


def _labels(options: TaskOptions) -> Path:
    assert options.labels is not None  # `require_fitting` saw it
    return options.labels


def _place(outputs: Sequence[TensorSpec], name: str | None) -> int:
    """Of the output that is judged."""
    names = [spec.name for spec in outputs]
    if name is None:
        return 0
    if name not in names:
        raise UnknownName("output of the net", name, names, f"It has {', '.join(names)}")
    return names.index(name)
