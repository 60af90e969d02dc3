"""Where a photo lies in a net's input, and the way back from the input's pixels to the photo's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.data.geometry import crop_box, resized_size
from edgeconv.data.preprocessing import Preprocessing


@dataclass(frozen=True)
class Placement:
    """What preprocessing does to places.

    Attributes:
        photo: (width, height) of the upright photo in pixels.
        scaled: the same after the resize.
        left, top: where the crop begins in the scaled photo; negative where it is padded.
        input_size: (height, width) of the crop.
    """

    photo: tuple[int, int]
    scaled: tuple[int, int]
    left: int
    top: int
    input_size: tuple[int, int]

    @classmethod
    def of(cls, photo: tuple[int, int], pre: Preprocessing) -> Placement:
        """Of a photo of (width, height) pixels."""
        if isinstance(pre.resize, str):  # the whole photo is stretched
            height, width = pre.input_size
            return cls(photo, (width, height), 0, 0, pre.input_size)
        scaled = resized_size(*photo, pre.resize)
        left, top, _, _ = crop_box(*scaled, pre.input_size)
        return cls(photo, scaled, left, top, pre.input_size)

    def to_photo(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 2) of x and y from the input's pixels to the photo's.

        Both count from the upper left corner of the upper left pixel, so a photo of 100 pixels
        reaches from 0 to 100. Points outside the photo stay there.
        """
        start = np.array([self.left, self.top], np.float64)
        ratio = np.divide(self.photo, self.scaled)
        return np.asarray((points.astype(np.float64) + start) * ratio)

    def of_mask(self, mask: NDArray[np.uint8], outside: int) -> NDArray[np.uint8]:
        """A mask of the photo, (H, W), as the net sees the photo; `outside` where there is none.

        Resized by the nearest neighbour, as torchvision's reference resizes masks.
        """
        height, width = self.input_size
        scaled = Image.fromarray(mask).resize(self.scaled, Image.Resampling.NEAREST)
        canvas = Image.new("L", (width, height), outside)
        canvas.paste(scaled, (-self.left, -self.top))
        return np.array(canvas, dtype=np.uint8)
