"""Detection: COCO's average precision of boxes, in the photo's own pixels.

Boxes go back through the resize and the crop, and are clipped to the photo, as torchvision's
detectors do. What the crop cut off counts as missed where it was annotated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgeconv.data.annotations.coco import Coco
from edgeconv.data.placement import Placement
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.tasks.coco_figures import Precision
from edgeconv.verify.tasks.drops import Loss
from edgeconv.verify.tasks.figures import Figure
from edgeconv.verify.tasks.heads import Decode, Detections, Named, numbers_of
from edgeconv.verify.tasks.run import Outputs, require_finite

#: Boxes of a photo that COCO judges.
_MOST = 100

_NOTHING = "nothing is annotated on these photos; there is nothing to judge"


class Detection:
    """The task of finding things and their boxes."""

    def __init__(
        self,
        outputs: Sequence[TensorSpec],
        truth: Coco,
        decode: Decode,
        preprocessing: Preprocessing,
    ) -> None:
        self._outputs = outputs
        self._truth, self._decode, self._preprocessing = truth, decode, preprocessing
        self._of_reference: tuple[Sequence[Detections], Precision] | None = None

    def expect(self, photo: int, outputs: Outputs) -> Placement:
        """Where the photo lies in the input; raises as `Picture.checked_size`."""
        require_finite(self._outputs, outputs, photo)
        size = self._truth.pictures[photo].checked_size()
        return Placement.of(size, self._preprocessing)

    def keep(self, outputs: Outputs, expected: Placement) -> Detections:
        """What was found on the photo, in its pixels."""
        named = dict(zip((spec.name for spec in self._outputs), outputs, strict=True))
        found = self._decode(named, self._preprocessing.input_size)
        corners = expected.to_photo(found.boxes.reshape(-1, 2, 2))
        inside = np.clip(corners, 0, np.array(expected.photo, np.float64))
        whole = (inside[:, 0] <= inside[:, 1]).all(axis=1)  # others are no boxes
        boxes = inside[whole].reshape(-1, 4)
        return Detections(boxes, found.scores[whole], found.categories[whole])

    def figures(
        self, kept: Sequence[Detections], reference: Sequence[Detections] | None
    ) -> list[Figure]:
        """Those of COCO, without those of sizes that nothing annotated has."""
        own = self._precision_of(kept) if reference is None else Precision(self._truth, kept)
        if not own.values:
            raise RefusedError(_NOTHING)
        exact = None if reference is None else self._precision_of(reference)
        return [
            Figure(
                name,
                "share",
                own.estimate(name),
                None if exact is None else own.change(name, exact),
            )
            for name in own.values
        ]

    def loss(self, kept: Sequence[Detections], reference: Sequence[Detections]) -> Loss:
        """Of AP, in points."""
        own, exact = Precision(self._truth, kept), self._precision_of(reference)
        if "AP" not in exact.values:
            raise RefusedError(_NOTHING)
        return Loss("AP lost", "points", len(kept), lambda w: 100 * (exact.of(w) - own.of(w)))

    def _precision_of(self, reference: Sequence[Detections]) -> Precision:
        """The reference's, computed once for all files."""
        if self._of_reference is None or self._of_reference[0] is not reference:
            self._of_reference = (reference, Precision(self._truth, reference))
        return self._of_reference[1]


def decoded_by(function: Callable[[Named], Any], of: str) -> Decode:
    """A user's function as a decoder.

    Args:
        function: one photo's outputs by name, without the batch axis, to boxes (found, 4): upper
            left and lower right corner in the input's pixels; scores (found,); and ids of
            categories (found,).
        of: what it is called in a message.
    """

    def decode(outputs: Named, _: tuple[int, int]) -> Detections:
        made = function(dict(outputs))
        if not isinstance(made, tuple | list) or len(made) != 3:
            raise UsageError(f"{of} gave no three arrays: boxes, scores and category ids")
        boxes, scores, categories = (numbers_of(array, of) for array in made)
        boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
        found = len(boxes)
        if boxes.shape != (found, 4) or not scores.shape == categories.shape == (found,):
            raise UsageError(
                f"{of} gave boxes of shape {boxes.shape}, scores {scores.shape} and categories "
                f"{categories.shape}; they are (found, 4), (found,) and (found,)"
            )
        usable = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & np.isfinite(categories)
        best = np.argsort(-scores[usable], kind="stable")[:_MOST]
        kept = np.flatnonzero(usable)[best]
        return Detections(boxes[kept], scores[kept], categories[kept].astype(np.int64))

    return decode
