"""A detector's outputs to boxes, scores and categories, as its head is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import RefusedError, UsageError
from edgeconv.verify.tasks.nms import kept_boxes

Layout = Literal["boxes-first", "values-first"]
Form = Literal["xyxy", "yxyx", "xywh", "cxcywh"]
BoxUnit = Literal["pixels", "share"]
Activation = Literal["none", "sigmoid", "softmax"]
#: Below every score that may be kept, and finite: a box has it for the classes that it is not.
_NO_SCORE = -1e30
#: One photo's outputs by name, without the batch axis.
Named = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found on a photo.

    Attributes:
        boxes: float64 (found, 4), upper left and lower right corner in the input's pixels.
        scores: float64 (found,), the best first.
        categories: int64 (found,), ids.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    categories: NDArray[np.int64]


#: One photo's outputs, and the input's (height, width), to what is on it.
Decode = Callable[[Named, tuple[int, int]], Detections]


@dataclass(frozen=True)
class Field:
    """Values in an output.

    Attributes:
        output: its name.
        columns: first, and behind the last; None: all.
        activation: that they still need.
    """

    output: str
    columns: tuple[int, int] | None = None
    activation: Activation = "none"


@dataclass(frozen=True)
class Head:
    """How a detector's outputs are read.

    Attributes:
        boxes: of the boxes.
        scores: a column for each class, or one where `classes` is there.
        nms_iou: overlap past which the worse box of a class is dropped; None: the net has done it.
        objectness: scores are multiplied by it, where there is one.
        classes: class numbers, where there are any.
        categories: class n is the category of the id n ("ids"), or the nth ("sorted"); or names
            of categories in the order of the classes.
        layout: whether a photo's outputs are (boxes, values) or (values, boxes).
        form: corners, corner and size, or centre and size.
        unit: pixels of the input, or its share, 0 to 1.
        background: the class that is none, where there is one.
        least_score: scores must exceed it.
        most: boxes of a photo that are kept.
    """

    boxes: Field
    scores: Field
    nms_iou: float | None
    objectness: Field | None = None
    classes: Field | None = None
    categories: Literal["ids", "sorted"] | tuple[str, ...] = "ids"
    layout: Layout = "boxes-first"
    form: Form = "xyxy"
    unit: BoxUnit = "pixels"
    background: int | None = None
    least_score: float = 0.001
    most: int = 100

    def fields(self) -> list[Field]:
        """All that is read."""
        found = (self.boxes, self.scores, self.objectness, self.classes)
        return [field for field in found if field is not None]


@dataclass(frozen=True)
class Decoder:
    """Reads a head's outputs.

    Attributes:
        head: how.
        ids: category id by class number; -1 for a class that is none of the annotated ones.
    """

    head: Head
    ids: NDArray[np.int64]

    def __call__(self, outputs: Named, input_size: tuple[int, int]) -> Detections:
        """What is on a photo, at most `head.most` boxes.

        Raises:
            RefusedError: the outputs are not of the form that the TOML says.
        """
        head = self.head
        boxes = _corners(self._values(outputs, head.boxes), head, input_size)
        scores = self._scores(outputs, len(boxes))
        usable = np.isfinite(boxes).all(axis=1) & np.isfinite(scores).all(axis=0)
        boxes, scores = boxes[usable], scores[:, usable]
        scores[self.ids < 0] = _NO_SCORE
        if head.nms_iou is None:
            kept = np.argwhere(scores > head.least_score)
        else:
            kept = kept_boxes(
                boxes, scores, iou=head.nms_iou, least_score=head.least_score, most=head.most
            )
        classes, places = kept[:, 0], kept[:, 1]
        best = np.argsort(-scores[classes, places], kind="stable")[: head.most]
        classes, places = classes[best], places[best]
        return Detections(boxes[places], scores[classes, places], self.ids[classes])

    def _scores(self, outputs: Named, boxes: int) -> NDArray[np.float64]:
        """(classes, boxes)."""
        head = self.head
        scores = _activated(self._values(outputs, head.scores), head.scores.activation)
        if head.objectness is not None:
            sure = self._values(outputs, head.objectness)
            scores = scores * _activated(sure, head.objectness.activation)
        if len(scores) != boxes:
            raise RefusedError(
                f"--decode: {head.boxes.output} gives {boxes} boxes for a photo, "
                f"{head.scores.output} scores of {len(scores)}; is the layout {head.layout}?"
            )
        if head.classes is None:
            return self._of_classes(scores)
        numbers = self._values(outputs, head.classes).reshape(-1)
        if scores.shape[1] != 1 or len(numbers) != boxes:
            raise RefusedError(
                "--decode: with [classes] each box has one score and one class number, not scores "
                f"of shape {scores.shape} and {len(numbers)} numbers"
            )
        wide = np.full((len(self.ids), boxes), _NO_SCORE)
        known = (numbers >= 0) & (numbers < len(self.ids))
        places = np.flatnonzero(known)
        wide[numbers[known].astype(np.int64), places] = scores[places, 0]
        return wide

    def _of_classes(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if scores.shape[1] != len(self.ids):
            raise RefusedError(
                f"--decode: {self.head.scores.output} gives {scores.shape[1]} scores for a box, "
                f"and there are {len(self.ids)} classes"
            )
        return np.ascontiguousarray(scores.T)

    def _values(self, outputs: Named, field: Field) -> NDArray[np.float64]:
        """(boxes, values)."""
        array = outputs[field.output].astype(np.float64)
        if array.ndim == 1:
            array = array[:, None]
        elif self.head.layout == "values-first" and array.ndim == 2:
            array = array.T
        if array.ndim != 2:
            raise RefusedError(
                f"--decode: output {field.output} has the shape {array.shape} for a photo; it must "
                "be (boxes, values), or boxes alone; anything else takes a Python function"
            )
        if field.columns is None:
            return array
        start, stop = field.columns
        if stop > array.shape[1]:
            raise RefusedError(
                f"--decode: output {field.output} has {array.shape[1]} values for a box, no "
                f"columns {start} to {stop}; is the layout {self.head.layout}?"
            )
        return array[:, start:stop]


def numbers_of(made: Any, of: str) -> NDArray[np.float64]:
    """What a user's function gave, as numbers; `of` is what the function is called in a message.

    Raises:
        UsageError: it is no array of them.
    """
    try:
        return np.asarray(made, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{of} gave what is no array of numbers: {error}") from error


def score_columns(head: Head, shapes: Mapping[str, Sequence[int]]) -> int | None:
    """How many classes the head's scores tell apart; None where it gives class numbers.

    `shapes` are those of the outputs, (batch, ...).
    """
    if head.classes is not None:
        return None
    if head.scores.columns is not None:
        return head.scores.columns[1] - head.scores.columns[0]
    shape = tuple(shapes[head.scores.output])
    return shape[1] if len(shape) == 3 and head.layout == "values-first" else shape[-1]


def category_ids(
    head: Head, classes: int | None, named: Mapping[int, str], annotated: Sequence[int]
) -> NDArray[np.int64]:
    """The category's id of each class number, -1 where it is none.

    Args:
        head: which says how classes are called.
        classes: how many it tells apart; None where it gives numbers.
        named: the annotations' categories, name by id.
        annotated: ids of those that occur.

    Raises:
        UsageError: something is annotated that the head has no class for.
    """
    real = None if classes is None else classes - (head.background is not None)
    if head.categories == "ids":
        most = classes if classes is not None else max(named, default=0) + 1
        found = [n if n in named and n != head.background else -1 for n in range(most)]
    else:
        found = _in_order(head.categories, real, named)
        if head.background is not None:
            found.insert(head.background, -1)
    if lost := [f"{named[one]} ({one})" for one in annotated if one not in found]:
        raise UsageError(
            f"the annotations name {len(lost)} categories that the head has no class for: "
            f"{', '.join(lost[:3])}; see `categories` in the file of --decode"
        )
    return np.array(found, np.int64)


def _in_order(
    categories: Literal["sorted"] | tuple[str, ...], classes: int | None, named: Mapping[int, str]
) -> list[int]:
    if categories == "sorted":
        ids = sorted(named)
    else:
        by_name = {name: number for number, name in named.items()}
        ids = [by_name.get(name, -1) for name in categories]
    if classes is not None and len(ids) != classes:
        raise UsageError(
            f"the head tells {classes} classes apart, and `categories` in the file of --decode "
            f"stands for {len(ids)}"
        )
    return ids


def _activated(values: NDArray[np.float64], activation: Activation) -> NDArray[np.float64]:
    if activation == "none":
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        if activation == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-values)))
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _corners(
    values: NDArray[np.float64], head: Head, input_size: tuple[int, int]
) -> NDArray[np.float64]:
    """Upper left and lower right corner, in the input's pixels."""
    if values.shape[1] != 4:
        raise RefusedError(
            f"--decode: output {head.boxes.output} gives {values.shape[1]} values for a box, not "
            "4; say which by `columns`, and see `layout`"
        )
    one, other = values[:, :2], values[:, 2:]
    if head.form == "yxyx":
        one, other = one[:, ::-1], other[:, ::-1]
    if head.form == "xywh":
        other = one + other
    if head.form == "cxcywh":
        one, other = one - other / 2, one + other / 2
    height, width = input_size
    scale = np.array([width, height], np.float64) if head.unit == "share" else 1.0
    return np.concatenate([one * scale, other * scale], axis=1)
