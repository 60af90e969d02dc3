"""Dense labels: mean intersection over union, pixel accuracy, and how many pixels are as in float.

Counted as torchvision's reference does (references/segmentation, `SegmentationPresetEval` and
`evaluate`): the mask goes the photo's way, resized by the nearest neighbour, and is compared at the
input's size, up to which a coarser map of logits is enlarged bilinearly before its arg max. So what
preprocessing cuts off is not judged, and padding is ignored.

    IoU of a class = pixels that are it in both / pixels that are it in either

summed over all photos first; the mean is over the classes that occur in a mask or a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.annotations.masks import IGNORED, MaskedPhoto, load_mask
from edgeconv.data.placement import Placement
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import RefusedError
from edgeconv.runtime.metrics import is_whole
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.tasks.drops import Loss, loss_of_sums
from edgeconv.verify.tasks.figures import Figure
from edgeconv.verify.tasks.resampling import Statistic, Sums, figure, ratio
from edgeconv.verify.tasks.run import Outputs, require_finite

_NO_CLASS = -1


@dataclass(frozen=True, eq=False)
class LabelledPixels:
    """A photo's truth, and what float makes of it: class numbers of the pixels that count.

    Attributes:
        counted: which pixels of the input count.
        truth, in_float: their classes.
        reference: float's own output, which those were made of.
    """

    counted: NDArray[np.bool_]
    truth: NDArray[np.int64]
    in_float: NDArray[np.int64]
    reference: NDArray[Any]


class Segmentation:
    """The task of giving every pixel its class."""

    def __init__(
        self,
        output: TensorSpec,
        place: int,
        photos: Sequence[MaskedPhoto],
        preprocessing: Preprocessing,
    ) -> None:
        """`place` is that of `output` among the outputs; raises RefusedError if it is no map."""
        self._output, self._place = output, place
        self._photos, self._preprocessing = photos, preprocessing

    def expect(self, photo: int, outputs: Outputs) -> LabelledPixels:
        """Raises as `load_mask`, and RefusedError where the output is no map of classes."""
        own = outputs[self._place]
        require_finite([self._output], [own], photo)
        pair, classes = self._photos[photo], self._classes(own)
        mask = load_mask(pair, classes)
        placement = Placement.of((mask.shape[1], mask.shape[0]), self._preprocessing)
        seen = placement.of_mask(mask, IGNORED)
        counted = seen != IGNORED
        truth = seen[counted].astype(np.int64)
        return LabelledPixels(counted, truth, self._pixels(own)[counted], own)

    def keep(self, outputs: Outputs, expected: LabelledPixels) -> Sums:
        """(2 * classes + 3,): intersections, unions, right pixels, those as in float, all."""
        own = outputs[self._place]
        classes = self._classes(own)
        is_float = own is expected.reference  # to enlarge a map takes longer than to make it
        made = expected.in_float if is_float else self._pixels(own)[expected.counted]
        truth = expected.truth
        of_truth, of_made, of_both = (
            np.bincount(numbers, minlength=classes)
            for numbers in (truth, made[made != _NO_CLASS], truth[truth == made])
        )
        as_in_float = int((made == expected.in_float).sum())
        unions = of_truth + of_made - of_both
        rest = [of_both.sum(), as_in_float, truth.size]
        return np.concatenate([of_both, unions, rest]).astype(np.float64)

    def figures(self, kept: Sequence[Sums], reference: Sequence[Sums] | None) -> list[Figure]:
        """The three, with their changes."""
        sums = np.stack(kept)
        if not sums[:, -1].any():
            raise RefusedError("every pixel of the masks is ignored; there is nothing to judge")
        exact = None if reference is None else np.stack(reference)
        own: list[tuple[str, Statistic]] = [("mean IoU", _mean_iou), ("pixel accuracy", _accuracy)]
        found = [figure(name, "share", statistic, sums, exact) for name, statistic in own]
        if exact is not None:
            found.append(figure("pixels as in float", "share", _as_in_float, sums, None))
        return found

    def loss(self, kept: Sequence[Sums], reference: Sequence[Sums]) -> Loss:
        """Of mean IoU, in points."""
        return loss_of_sums(
            of="mean IoU lost",
            unit="points",
            worse=mean_iou_lost,
            sums=np.stack(kept),
            exact=np.stack(reference),
        )

    def _classes(self, output: NDArray[Any]) -> int:
        """How many there may be: a map of numbers does not say it."""
        channels = output.shape[0] if output.ndim == 3 else int(output.ndim == 2)
        if is_whole(output) and channels == 1:
            return IGNORED
        if not is_whole(output) and output.ndim == 3 and 2 <= channels <= IGNORED:
            return channels
        raise RefusedError(
            f"output {self._output.name} gives {output.dtype} of shape {output.shape} for a photo; "
            f"a map of classes is real (2 to {IGNORED} classes, height, width), or whole numbers "
            "(height, width); choose the output by --output, or another --task"
        )

    def _pixels(self, output: NDArray[Any]) -> NDArray[np.int64]:
        """The class of each pixel of the input, -1 where logits are not finite."""
        height, width = self._preprocessing.input_size
        if is_whole(output):
            *_, own_height, own_width = output.shape
            numbers = output.reshape(own_height, own_width).astype(np.int64)
            rows, columns = _nearest(own_height, height), _nearest(own_width, width)
            numbers = numbers[rows[:, None], columns]
            return np.where((numbers >= 0) & (numbers < IGNORED), numbers, _NO_CLASS)
        logits = _resized(output.astype(np.float64), height, width)
        finite = np.isfinite(logits).all(axis=0)
        return np.where(finite, logits.argmax(axis=0), _NO_CLASS)


def mean_iou_lost(sums: Sums) -> NDArray[np.float64]:
    """What mean IoU lacks, in points; arguments as `Statistic`, columns as `Segmentation.keep`."""
    return -100 * _mean_iou(sums)


def _resized(logits: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """(C, h, w) to (C, height, width) as PyTorch's bilinear `interpolate(align_corners=False)`.

    In float64, in which logits of int8 that are equal stay equal: the first class wins, not noise.
    """
    for axis, wanted in ((1, height), (2, width)):
        length = logits.shape[axis]
        if length == wanted:
            continue
        places = np.clip((np.arange(wanted) + 0.5) * length / wanted - 0.5, 0, length - 1)
        below = places.astype(np.int64)
        above = np.minimum(below + 1, length - 1)
        share = (places - below).reshape(-1, *(1,) * (2 - axis))
        logits = logits.take(below, axis) * (1 - share) + logits.take(above, axis) * share
    return logits


def _nearest(length: int, wanted: int) -> NDArray[np.int64]:
    """Which of `length` pixels lies at the centre of each of `wanted`."""
    return ((np.arange(wanted) + 0.5) * length / wanted).astype(np.int64)


def _mean_iou(sums: Sums) -> NDArray[np.float64]:
    classes = (sums.shape[1] - 3) // 2
    both, either = sums[:, :classes], sums[:, classes : 2 * classes]
    occurs = either > 0
    shares = np.divide(both, either, out=np.zeros_like(both), where=occurs)
    return ratio(shares.sum(axis=1), occurs.sum(axis=1).astype(np.float64))


def _accuracy(sums: Sums) -> NDArray[np.float64]:
    return ratio(sums[:, -3], sums[:, -1])


def _as_in_float(sums: Sums) -> NDArray[np.float64]:
    return ratio(sums[:, -2], sums[:, -1])
