"""Average precision as COCO defines it, by pycocotools.

Its interval is over photos. pycocotools matches boxes photo by photo, and only then sums up over
photos; a resample is a weight for each of them, so that the sums are taken anew (`_precision`,
equal to pycocotools' `accumulate` where every weight is 1) and nothing is matched twice.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UnavailableError
from edgeconv.verify.tasks.figures import Estimate
from edgeconv.verify.tasks.heads import Detections
from edgeconv.verify.tasks.resampling import FEWEST_PHOTOS, drawn, interval

if TYPE_CHECKING:
    from edgeconv.data.annotations.coco import Coco

#: Where pycocotools has each in its summary; AR 100 is average recall with 100 boxes a photo.
_PLACES = {
    **{"AP": 0, "AP50": 1, "AP75": 2},
    **{"AP small": 3, "AP medium": 4, "AP large": 5, "AR 100": 8},
}
#: Those with intervals, and which thresholds of IoU they are the mean over: 0.5, 0.55, ... 0.95.
_RESAMPLED = {"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)}
_THRESHOLDS = 10
_RESAMPLES = 200


def require_pycocotools(task: str) -> None:
    """Raises UnavailableError where it is not installed, which a task needs."""
    try:
        import pycocotools.cocoeval  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            f"--task {task} needs pycocotools ({error}): pip install 'edgeconv[detection]'"
        ) from error


class Precision:
    """One file's average precision."""

    def __init__(self, truth: Coco, found: Sequence[Detections]) -> None:
        """`found` are those of each photo of `truth`, in the photo's pixels and its order."""
        from pycocotools.cocoeval import COCOeval

        with redirect_stdout(io.StringIO()):  # it tells of its progress
            evaluation = COCOeval(_truth(truth), _results(truth, found), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        self.values: dict[str, float] = {
            name: float(evaluation.stats[place])
            for name, place in _PLACES.items()
            if evaluation.stats[place] >= 0  # -1: nothing of that size was annotated
        }
        self._matched = list(_matched(evaluation))
        self._recalls: NDArray[np.float64] = evaluation.params.recThrs
        self._photos = len(truth.pictures)
        self._resampled: NDArray[np.float64] | None = None

    def estimate(self, name: str) -> Estimate:
        """One of `values`, by its name."""
        return self._with_interval(self.values[name], name, None)

    def change(self, name: str, reference: Precision) -> Estimate:
        """How much it exceeds the reference's on the same photos."""
        return self._with_interval(self.values[name] - reference.values[name], name, reference)

    def _with_interval(self, value: float, name: str, reference: Precision | None) -> Estimate:
        if name not in _RESAMPLED or self._photos < FEWEST_PHOTOS:
            return Estimate(value)
        figures = self._figures(name)
        return interval(value, figures if reference is None else figures - reference._figures(name))

    def _figures(self, name: str) -> NDArray[np.float64]:
        """(resamples,): the mean over categories and thresholds; NaN where nothing is annotated."""
        if self._resampled is None:
            weights = np.concatenate(list(drawn(self._photos, _RESAMPLES)))
            self._resampled = np.stack([self.weighted(one) for one in weights])
        chosen = self._resampled[:, _RESAMPLED[name]]
        return np.asarray(chosen.mean(axis=1))

    def of(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """AP of photos that count so often, (resamples, photos): (resamples,)."""
        return np.array([self.weighted(one).mean() for one in weights])

    def weighted(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Precision of photos that count so often, by ascending id: (thresholds of IoU,)."""
        every = [_precision(one, weights, self._recalls) for one in self._matched]
        known = [one for one in every if one is not None]
        return np.mean(known, axis=0) if known else np.full(_THRESHOLDS, np.nan)


@dataclass(frozen=True, eq=False)
class _Matched:
    """Boxes of one category, the best first.

    Attributes:
        photo: (boxes,) which photo each is on.
        hits, misses: (thresholds, boxes), right and wrong ones; neither where it is not judged.
        annotated: (photos,) how many there are to be found.
    """

    photo: NDArray[np.int64]
    hits: NDArray[np.bool_]
    misses: NDArray[np.bool_]
    annotated: NDArray[np.int64]


def _matched(evaluation: Any) -> Iterator[_Matched]:
    """What pycocotools matched of boxes of any size: its results go by category, size, photo."""
    photos, sizes = len(evaluation.params.imgIds), len(evaluation.params.areaRng)
    for start in range(0, len(evaluation.evalImgs), sizes * photos):
        of_photos = evaluation.evalImgs[start : start + photos]
        held = [(photo, one) for photo, one in enumerate(of_photos) if one is not None]
        if not held:
            continue
        scores = np.concatenate([one["dtScores"] for _, one in held])
        best = np.argsort(-scores, kind="mergesort")
        matches, ignored = (
            np.concatenate([one[key] for _, one in held], axis=1)[:, best].astype(bool)
            for key in ("dtMatches", "dtIgnore")
        )
        annotated = np.zeros(photos, np.int64)
        for photo, one in held:
            annotated[photo] = np.count_nonzero(one["gtIgnore"] == 0)
        photo_of = np.concatenate([np.full(len(one["dtScores"]), photo) for photo, one in held])
        yield _Matched(photo_of[best], matches & ~ignored, ~matches & ~ignored, annotated)


def _precision(
    matched: _Matched, weights: NDArray[np.float64], recalls: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """A category's mean precision at the recalls, for each threshold; None: nothing annotated."""
    annotated = float(matched.annotated @ weights)
    if annotated == 0:
        return None
    times = weights[matched.photo]
    right, wrong = (np.cumsum(one * times, axis=1) for one in (matched.hits, matched.misses))
    precision = right / (right + wrong + np.spacing(1))
    best_from = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.concatenate([best_from, np.zeros((len(best_from), 1))], axis=1)
    places = [np.searchsorted(row / annotated, recalls) for row in right]
    return np.array([row[place].mean() for row, place in zip(reached, places, strict=True)])


def _truth(truth: Coco) -> Any:
    boxes = [
        {
            "id": number,  # from 1: pycocotools takes 0 for no match
            "image_id": box.picture,
            "category_id": box.category,
            "bbox": list(box.bbox),
            "area": box.area,
            "iscrowd": int(box.is_crowd),
        }
        for number, box in enumerate(truth.boxes, 1)
    ]
    return _coco(truth, boxes)


def _results(truth: Coco, found: Sequence[Detections]) -> Any:
    """As its `loadRes` makes them, which takes no empty list."""
    boxes: list[dict[str, Any]] = []
    for picture, one in zip(truth.pictures, found, strict=True):
        for (left, top, right, bottom), score, category in zip(
            one.boxes.tolist(), one.scores.tolist(), one.categories.tolist(), strict=True
        ):
            width, height = right - left, bottom - top
            boxes.append(
                {
                    "id": len(boxes) + 1,
                    "image_id": picture.number,
                    "category_id": category,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "score": score,
                }
            )
    return _coco(truth, boxes)


def _coco(truth: Coco, boxes: list[dict[str, Any]]) -> Any:
    from pycocotools.coco import COCO

    made = COCO()
    made.dataset = {
        "images": [{"id": picture.number} for picture in truth.pictures],
        "categories": [{"id": number, "name": name} for number, name in truth.categories.items()],
        "annotations": boxes,
    }
    made.createIndex()
    return made
