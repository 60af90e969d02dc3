"""What a task needs before any file runs: its labels, and how outputs are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgeconv.errors import UnknownName, UsageError
from edgeconv.verify.tasks.decoders import PointDecoder, read_decoder, read_point_decoder

if TYPE_CHECKING:
    from edgeconv.data.inputs import Intake
    from edgeconv.data.preprocessing import Preprocessing
    from edgeconv.runtime.session import TensorSpec
    from edgeconv.verify.accuracy.losses import LossUnit
    from edgeconv.verify.parity.output_parts import OutputParts
    from edgeconv.verify.tasks.run import Task

TaskName = Literal[
    "classification",
    "agreement",
    "segmentation",
    "detection",
    "keypoints",
    "regression",
    "embeddings",
]

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
#: Tasks whose labels lie in a photo.
_OF_PHOTOS: tuple[TaskName, ...] = ("segmentation", "detection", "keypoints")
#: What an option is.
_WANTED: dict[tuple[TaskName, str], str] = {
    ("segmentation", "labels"): "a folder of masks, a PNG of class numbers for each photo",
    ("detection", "labels"): "annotations in COCO's JSON form",
    ("detection", "decode"): "a TOML that says how the outputs are read, or FILE.py:function",
    ("keypoints", "labels"): "a CSV with the columns file, and x and y of each point; or COCO's "
    "JSON",
    ("keypoints", "decode"): "a TOML that says how the outputs are read, or FILE.py:function",
    ("regression", "labels"): "a CSV with the columns file, and one for each number",
}


@dataclass(frozen=True)
class TaskRequest:
    """What a net is to be judged by.

    Attributes:
        task: its name.
        labels: a file or a folder of labels, as the task has them.
        output: which output is judged; None takes the first.
        decode: how boxes or points are read: a TOML, or FILE.py:function.
    """

    task: TaskName
    labels: Path | None = None
    output: str | None = None
    decode: str | None = None

    def __post_init__(self) -> None:
        """Raises UsageError where an option is missing, or is none of the task's."""
        needed, possible = _OPTIONS[self.task]
        for option in ("labels", "output", "decode"):
            given = getattr(self, option)
            if given is None and option in needed:
                raise UsageError(
                    f"--task {self.task} needs --{option}: {_WANTED[self.task, option]}"
                )
            if given is not None and option not in needed + possible:
                raise UsageError(
                    f"--{option} {given} says nothing to --task {self.task}; name another --task, "
                    "or leave it out"
                )


def require_bound(max_drop: float | None) -> None:
    """Raises UsageError where it is no bound that can be held."""
    if max_drop is not None and not 0 < max_drop < math.inf:
        raise UsageError(f"--max-drop {max_drop:g}: give a number above 0")


@dataclass(frozen=True, eq=False)
class Judged:
    """What is judged.

    Attributes:
        name: what the float reference is called in a message.
        intake: what it takes; None where that is not known yet.
        parts: how each output is told apart, by its name.
        is_alone: whether there is no other file to hold against it.
    """

    name: str
    intake: Intake | None = None
    parts: Mapping[str, OutputParts] = field(default_factory=dict)
    is_alone: bool = False

    def of_photo(self) -> Preprocessing:
        """How a photo becomes its input; raises UsageError where it takes tensors."""
        assert self.intake is not None  # nothing runs before it is known
        return self.intake.of_photo(self.name)


#: Makes a task for some of its photos, in this order, and for the outputs that float has.
TaskOf = Callable[[Sequence[Path], Sequence["TensorSpec"]], "Task[Any, Any]"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A task whose labels are read.

    Attributes:
        photos: that it is about, in its own order.
        task_of: makes it for these, or for some of them.
        note: what its figures mean, for people.
        unit: of what it may lose.
        is_counted: whether that is counted, so that its test is exact.
        pairs: which photos are judged two by two, by their places; none where each is by itself.
    """

    photos: Sequence[Path]
    task_of: TaskOf
    note: str
    unit: LossUnit
    is_counted: bool = False
    pairs: Sequence[tuple[int, int]] = ()


def prepared(request: TaskRequest, judged: Judged, data: Path) -> Prepared:
    """Reads the labels of a task other than classification.

    Args:
        request: the task.
        judged: what is to be judged by it.
        data: the folder of photos or tensors.

    Raises:
        UsageError: labels that do not fit.
        RefusedError: labels that cannot be read.
    """
    if request.task in _OF_PHOTOS and judged.intake is not None:
        judged.of_photo()  # at once, not after labels of photos that there are none of
    return _TASKS[request.task](judged, data, request)


def _agreement(judged: Judged, data: Path, _: TaskRequest) -> Prepared:
    from edgeconv.data.folders import list_samples
    from edgeconv.verify.tasks.agreement import Agreement

    if judged.is_alone:
        raise UsageError(
            f"{judged.name} has no float file beside it to agree with; give a bundle, or a "
            "file in one"
        )
    return Prepared(
        list_samples(data),
        lambda _, outputs: Agreement(outputs, judged.parts),
        f"against {judged.name}, sample by sample",
        "percent",
    )


def _segmentation(judged: Judged, data: Path, request: TaskRequest) -> Prepared:
    from edgeconv.data.annotations.masks import masked_photos
    from edgeconv.verify.tasks.segmentation import Segmentation

    pairs = {pair.photo: pair for pair in masked_photos(data, _labels(request))}

    def task_of(photos: Sequence[Path], outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, request.output)
        chosen = [pairs[photo] for photo in photos]
        how = judged.of_photo()
        return Segmentation(outputs[place], place, chosen, how)

    note = f"masks compared at the input's size; float is {judged.name}"
    return Prepared(list(pairs), task_of, note, "points")


def _detection(judged: Judged, data: Path, request: TaskRequest) -> Prepared:
    from edgeconv.data.annotations.coco import read_coco
    from edgeconv.verify.tasks.coco_figures import require_pycocotools
    from edgeconv.verify.tasks.detection import Detection

    require_pycocotools(request.task)
    truth = read_coco(_labels(request), data)
    assert request.decode is not None  # the request saw it
    decoder_of = read_decoder(request.decode, truth)
    return Prepared(
        [picture.path for picture in truth.pictures],
        lambda photos, outputs: Detection(
            outputs,
            truth.of(photos),
            decoder_of(outputs),
            judged.of_photo(),
        ),
        f"by pycocotools, in the photos' pixels; float is {judged.name}",
        "points",
    )


def _keypoints(judged: Judged, data: Path, request: TaskRequest) -> Prepared:
    from edgeconv.data.annotations.numbers import read_numbers
    from edgeconv.verify.tasks.keypoints import Keypoints

    labels = _labels(request)
    assert request.decode is not None  # the request saw it
    decoder = read_point_decoder(request.decode)
    if labels.suffix.lower() == ".json":
        return _sized_keypoints(judged, data, labels, decoder)
    table = read_numbers(labels, data)
    return Prepared(
        table.photos,
        lambda photos, outputs: Keypoints(
            outputs, table.of(photos), decoder.of(outputs), judged.of_photo()
        ),
        f"distances in the photos' pixels; float is {judged.name}",
        "pixels",
    )


def _sized_keypoints(judged: Judged, data: Path, labels: Path, decoder: PointDecoder) -> Prepared:
    """With the sizes of things, by which COCO tells how near is near."""
    from edgeconv.data.annotations.coco_points import read_sized_points
    from edgeconv.verify.tasks.keypoints import Keypoints
    from edgeconv.verify.tasks.oks import likeness

    marked = read_sized_points(labels, data)
    points = len(marked.table.columns) // 2
    likeness(marked.areas, points, decoder.sigmas)  # at once, not after the float file ran

    def task_of(photos: Sequence[Path], outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        own = marked.of(photos)
        return Keypoints(
            outputs,
            own.table,
            decoder.of(outputs),
            judged.of_photo(),
            likeness(own.areas, points, decoder.sigmas),
        )

    note = f"OKS and recall as COCO's, distances in the photos' pixels; float is {judged.name}"
    return Prepared(marked.table.photos, task_of, note, "points")


def _regression(judged: Judged, data: Path, request: TaskRequest) -> Prepared:
    from edgeconv.data.annotations.numbers import read_numbers
    from edgeconv.verify.tasks.regression import Regression

    table = read_numbers(_labels(request), data)

    def task_of(photos: Sequence[Path], outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, request.output)
        return Regression(outputs[place], place, table.of(photos))

    note = f"in the labels' units; float is {judged.name}"
    return Prepared(table.photos, task_of, note, "number")


def _embeddings(judged: Judged, data: Path, request: TaskRequest) -> Prepared:
    from edgeconv.data.annotations.pairs import among, read_pairs
    from edgeconv.data.folders import list_samples
    from edgeconv.verify.tasks.embeddings import Embeddings

    photos = list_samples(data)
    pairs = [] if request.labels is None else read_pairs(request.labels, data, photos)
    if len(photos) < 2 or (not pairs and judged.is_alone):
        raise UsageError(
            "embeddings are judged by pairs (--labels), or against a float file beside theirs on "
            "two samples or more"
        )

    def task_of(chosen: Sequence[Path], outputs: Sequence[TensorSpec]) -> Task[Any, Any]:
        place = _place(outputs, request.output)
        return Embeddings(outputs[place], place, among(pairs, photos, chosen))

    told = f"{len(pairs)} pairs by the threshold that is best for float; " if pairs else ""
    note = f"{told}float is {judged.name}"
    both = [(pair.one, pair.other) for pair in pairs]
    return Prepared(photos, task_of, note, "points", is_counted=True, pairs=both)


_TASKS = {
    "agreement": _agreement,
    "segmentation": _segmentation,
    "detection": _detection,
    "keypoints": _keypoints,
    "regression": _regression,
    "embeddings": _embeddings,
}


def _labels(request: TaskRequest) -> Path:
    assert request.labels is not None  # the request saw it
    return request.labels


def _place(outputs: Sequence[TensorSpec], name: str | None) -> int:
    """Of the output that is judged."""
    names = [spec.name for spec in outputs]
    if name is None:
        return 0
    if name not in names:
        raise UnknownName("output of the net", name, names, f"It has {', '.join(names)}")
    return names.index(name)
