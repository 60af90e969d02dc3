"""Places in a net's input are found again in the photo, and masks lie where the photo lies."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edgeconv.data.placement import Placement
from edgeconv.data.preprocessing import Preprocessing, crop_pixels

GEOMETRIES = [
    Preprocessing(input_size=(64, 64), resize=72),
    Preprocessing(input_size=(96, 64), resize=64),
    Preprocessing(input_size=(50, 81), resize=40),
    Preprocessing(input_size=(60, 90), resize="stretch"),
]


@pytest.mark.parametrize("pre", GEOMETRIES)
@pytest.mark.parametrize("size", [(200, 150), (150, 200), (333, 100), (64, 64)])
def test_a_spot_in_the_input_is_where_it_was_in_the_photo(
    pre: Preprocessing, size: tuple[int, int]
) -> None:
    width, height = size
    photo = np.zeros((height, width, 3), np.uint8)
    x, y = width // 2 + 9, height // 2 - 7
    photo[y - 8 : y + 8, x - 8 : x + 8] = 255
    seen = crop_pixels(Image.fromarray(photo), pre)[..., 0].astype(float)
    rows, columns = np.indices(seen.shape) + 0.5
    centre = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    found = Placement.of(size, pre).to_photo(centre)
    assert found == pytest.approx([x, y], abs=0.6)


@pytest.mark.parametrize("pre", GEOMETRIES)
@pytest.mark.parametrize("size", [(200, 150), (150, 200), (333, 100), (64, 64)])
def test_a_mask_lies_where_the_photo_lies(pre: Preprocessing, size: tuple[int, int]) -> None:
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 2, width // 4 : width // 2] = 1
    photo = np.where(mask[..., None] == 1, np.uint8(255), np.uint8(128)).repeat(3, axis=2)
    seen = crop_pixels(Image.fromarray(photo), pre)[..., 0]
    placed = Placement.of(size, pre).of_mask(mask, 255)
    assert placed.shape == pre.input_size
    # Antialiasing blurs edges; what is clearly one or the other must be the same in both.
    assert (placed[seen > 250] == 1).all()
    assert (placed[seen == 128] == 0).all()
    assert (seen[placed == 255] == 0).all()
    assert (placed[seen == 0] == 255).all()
