"""Calibration photos: any first part is a fair sample, and none is held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.export.calibration import calibration_photos

PREPROCESSING = Preprocessing(input_size=(8, 8), resize=8)


def class_folder(root: Path, classes: int, each: int) -> Path:
    """Grey photos whose brightness is their class's number."""
    for number in range(classes):
        folder = root / f"{number:02d}"
        folder.mkdir(parents=True)
        for index in range(each):
            Image.new("RGB", (8, 8), (number, number, number)).save(folder / f"{index}.png")
    return root


def test_the_first_photos_of_a_folder_sorted_by_class_are_of_all_classes(tmp_path: Path) -> None:
    calibration = calibration_photos(class_folder(tmp_path, 10, 12), PREPROCESSING, 120)
    classes = [int(batch[0, 0, 0, 0]) for batch in calibration.batches(1, raw=True)]
    assert len(set(classes[:20])) == 10
    assert len(set(classes[0:40:2])) == 10
    assert sorted(classes) == sorted(np.repeat(np.arange(10), 12).tolist())


def test_every_photo_comes_once_whatever_their_number(tmp_path: Path) -> None:
    class_folder(tmp_path, 5, 5)
    for samples in (1, 2, 7, 24, 25, 100):
        calibration = calibration_photos(tmp_path, PREPROCESSING, samples)
        assert len(list(calibration.batches(1, raw=True))) == calibration.count == min(samples, 25)
