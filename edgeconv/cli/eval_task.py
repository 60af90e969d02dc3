"""Evaluation in any task but classification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.cli.decoders import read_decoder, read_point_decoder
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
    "keypoints": (("labels", "decode"), ()),
    "regression": (("labels",), ("output",)),
    "embeddings": ((), ("labels", "output")),
}
#: What an option is.
_WANTED: dict[tuple[TaskName, str], str] = {
    ("segmentation", "labels"): "a folder of masks, a PNG of class numbers for each photo",
    ("detection", "labels"): "annotations in COCO's JSON form",
    ("detection", "decode"): "a TOML that says how the outputs are read, or FILE.py:function",
    ("keypoints", "labels"): "a CSV with the columns file, and x and y of each point",
    ("keypoints", "decode"): "a TOML that says how the outputs are read, or FILE.py:function",
    ("regression", "labels"): "a CSV with the columns file, and one for each number",
}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A task that is ready to run.

    Attributes:
        photos: that it is about, in its own order.
        task_of: makes it for the outputs that the reference has.
        note: what its figures mean, for people.
    """

    photos: Sequence[Path]
    task_of: Callable[[Sequence[TensorSpec]], Task[Any, Any]]
    note: str


def prepared(name: TaskName, models: Models, data: Path, options: TaskOptions) -> Prepared:
    """Reads the labels of a task other than classification.

    Raises:
        UsageError: labels that do not fit.
        RefusedError: labels that cannot be read.
    """
    return _TASKS[name](models, data, options)


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


def _agreement(models: Models, data: Path, _: TaskOptions) -> Prepared:
    from edgeconv.data.folders import list_samples
    from edgeconv.verify.tasks.agreement import Agreement

    if len(models.artifacts) < 2:
        raise UsageError(
            f"{models.reference} has no float file beside it to agree with; give a bundle, or a "
            "file in one"
        )
    return Prepared(
        list_samples(data),
        lambda outputs: Agreement(outputs, models.output_parts),
        f"against {models.reference}, on the same photos",
    )


def _segmentation(models: Models, data: Path, options: TaskOptions) -> Prepared:
    from edgeconv.data.annotations.masks import masked_photos
    from edgeconv.verify.tasks.segmentation import Segmentation

    photos = masked_photos(data, _labels(options))
    preprocessing = models.intake.of_photo(models.reference)

    def task_of(outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, options.output)
        return Segmentation(outputs[place], place, photos, preprocessing)

    return Prepared(
        [pair.photo for pair in photos],
        task_of,
        f"masks compared at the input's size; float is {models.reference}",
    )


def _detection(models: Models, data: Path, options: TaskOptions) -> Prepared:
    from edgeconv.data.annotations.coco import read_coco
    from edgeconv.verify.tasks.coco_figures import require_pycocotools
    from edgeconv.verify.tasks.detection import Detection

    require_pycocotools()
    truth = read_coco(_labels(options), data)
    assert options.decode is not None  # `require_fitting` saw it
    decoder_of = read_decoder(options.decode, truth)
    preprocessing = models.intake.of_photo(models.reference)
    return Prepared(
        [picture.path for picture in truth.pictures],
        lambda outputs: Detection(outputs, truth, decoder_of(outputs), preprocessing),
        f"by pycocotools, in the photos' pixels; float is {models.reference}",
    )


def _keypoints(models: Models, data: Path, options: TaskOptions) -> Prepared:
    from edgeconv.data.annotations.numbers import read_numbers
    from edgeconv.verify.tasks.keypoints import Keypoints

    table = read_numbers(_labels(options), data)
    assert options.decode is not None  # `require_fitting` saw it
    decoder_of = read_point_decoder(options.decode)
    preprocessing = models.intake.of_photo(models.reference)
    return Prepared(
        table.photos,
        lambda outputs: Keypoints(outputs, table, decoder_of(outputs), preprocessing),
        f"distances in the photos' pixels; float is {models.reference}",
    )


def _regression(models: Models, data: Path, options: TaskOptions) -> Prepared:
    from edgeconv.data.annotations.numbers import read_numbers
    from edgeconv.verify.tasks.regression import Regression

    table = read_numbers(_labels(options), data)

    def task_of(outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, options.output)
        return Regression(outputs[place], place, table)

    return Prepared(table.photos, task_of, f"in the labels' units; float is {models.reference}")


def _embeddings(models: Models, data: Path, options: TaskOptions) -> Prepared:
    from edgeconv.data.annotations.pairs import read_pairs
    from edgeconv.data.folders import list_samples
    from edgeconv.verify.tasks.embeddings import Embeddings

    photos = list_samples(data)
    pairs = [] if options.labels is None else read_pairs(options.labels, data, photos)
    if len(photos) < 2 or (not pairs and len(models.artifacts) < 2):
        raise UsageError(
            "embeddings are judged by pairs (--labels), or against a float file beside theirs on "
            "two photos or more"
        )

    def task_of(outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, options.output)
        return Embeddings(outputs[place], place, pairs)

    told = f"{len(pairs)} pairs by the threshold that is best for float; " if pairs else ""
    return Prepared(photos, task_of, f"{told}float is {models.reference}")


_TASKS = {
    "agreement": _agreement,
    "segmentation": _segmentation,
    "detection": _detection,
    "keypoints": _keypoints,
    "regression": _regression,
    "embeddings": _embeddings,
}


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
