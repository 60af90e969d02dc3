"""Maps of classes in their forms, on masks written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.data.annotations.masks import MaskedPhoto, load_mask, masked_photos
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import ImageRefused, RefusedError, UsageError
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.tasks.segmentation import Segmentation

PRE = Preprocessing(input_size=(4, 4), resize=4)
MASK = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2], [2, 2, 255, 255]], np.uint8)


def _task(place: Path, mask: np.ndarray = MASK) -> Segmentation:
    Image.fromarray(mask).save(place / "mask.png")
    Image.new("RGB", (4, 4)).save(place / "photo.png")
    pair = MaskedPhoto(place / "photo.png", place / "mask.png")
    spec = TensorSpec("map", (1, 3, 4, 4), np.dtype(np.float32))
    return Segmentation(spec, 0, [pair], PRE)


def _logits(classes: np.ndarray) -> np.ndarray:
    return (np.arange(3)[:, None, None] == classes).astype(np.float32)


def _values(task: Segmentation, made: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    expected = task.expect(0, [exact])
    figures = task.figures([task.keep([made], expected)], [task.keep([exact], expected)])
    return {figure.name: figure.estimate.value for figure in figures}


def test_each_class_counts_alike_and_ignored_pixels_do_not(tmp_path: Path) -> None:
    made = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [2, 2, 2, 2], [0, 0, 0, 0]])
    found = _values(_task(tmp_path), _logits(made), _logits(np.where(MASK == 255, 0, MASK)))
    assert found["mean IoU"] == pytest.approx(np.mean([3 / 6, 4 / 5, 4 / 6]))
    assert found["pixel accuracy"] == pytest.approx(11 / 14)
    assert found["pixels as in float"] == pytest.approx(11 / 14)


def test_a_class_that_occurs_nowhere_does_not_count(tmp_path: Path) -> None:
    exact = np.where(MASK == 1, 0, MASK)
    task = _task(tmp_path, exact.astype(np.uint8))
    assert _values(task, _logits(exact), _logits(exact))["mean IoU"] == 1


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4)])
def test_a_map_of_numbers_is_its_own_arg_max(tmp_path: Path, shape: tuple[int, ...]) -> None:
    numbers = np.where(MASK == 255, 0, MASK).astype(np.int64).reshape(shape)
    found = _values(_task(tmp_path), numbers, numbers)
    assert found == {"mean IoU": 1, "pixel accuracy": 1, "pixels as in float": 1}


def test_pixels_that_are_not_finite_are_wrong(tmp_path: Path) -> None:
    exact = _logits(np.where(MASK == 255, 0, MASK))
    broken = exact.copy()
    broken[1, 0, 0] = np.nan
    found = _values(_task(tmp_path), broken, exact)
    assert found["pixel accuracy"] == found["pixels as in float"] == pytest.approx(13 / 14)
    with pytest.raises(RefusedError, match="float file's output map for sample 0"):
        _task(tmp_path).expect(0, [broken])


def test_masks_of_nothing_are_refused(tmp_path: Path) -> None:
    task = _task(tmp_path, np.full((4, 4), 255, np.uint8))
    exact = _logits(np.zeros((4, 4)))
    with pytest.raises(RefusedError, match="every pixel of the masks is ignored"):
        _values(task, exact, exact)


def test_a_palette_is_read_as_numbers_and_grey_of_few_bits_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    pair = MaskedPhoto(tmp_path / "photo.png", tmp_path / "mask.png")
    image = Image.fromarray(np.where(MASK == 255, 3, MASK), "P")
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
    image.save(pair.mask, bits=2)
    assert (load_mask(pair, 4) == np.where(MASK == 255, 3, MASK)).all()
    Image.fromarray(MASK > 0).save(pair.mask)
    with pytest.raises(ImageRefused, match="no PNG of one channel of numbers"):
        load_mask(pair, 4)


def test_a_turned_photo_has_a_mask_as_it_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "photo.jpg", exif=exif)
    Image.new("L", (4, 8)).save(tmp_path / "mask.png")
    assert load_mask(MaskedPhoto(tmp_path / "photo.jpg", tmp_path / "mask.png"), 1).shape == (8, 4)


def test_photos_are_found_by_their_masks(tmp_path: Path) -> None:
    for name in ("photos/a.png", "photos/sub/b.jpg", "photos/c.png", "masks/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "masks/sub").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "masks/sub/b.png")
    pairs = masked_photos(tmp_path / "photos", tmp_path / "masks")
    assert [pair.photo.name for pair in pairs] == ["a.png", "b.jpg"]
    Image.new("L", (4, 4)).save(tmp_path / "photos/a.jpg")
    with pytest.raises(UsageError, match="would both have the mask"):
        masked_photos(tmp_path / "photos", tmp_path / "masks")
