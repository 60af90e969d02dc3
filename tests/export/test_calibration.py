"""Calibration photos: any first part is a fair sample, and none is held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.export.calibration import calibration_photos, held_back, own_samples

INTAKE = Intake.of_photos(Preprocessing(input_size=(8, 8), resize=8))


def class_folder(root: Path, classes: int, each: int) -> Path:
    """Grey photos whose brightness is their class's number."""
    for number in range(classes):
        folder = root / f"{number:02d}"
        folder.mkdir(parents=True)
        for index in range(each):
            Image.new("RGB", (8, 8), (number, number, number)).save(folder / f"{index}.png")
    return root


def test_the_first_photos_of_a_folder_sorted_by_class_are_of_all_classes(tmp_path: Path) -> None:
    own = own_samples(class_folder(tmp_path, 10, 12))
    calibration = calibration_photos(own, INTAKE, 120)
    classes = [int(batch[0, 0, 0, 0]) for batch in calibration.batches(1, raw=True)]
    assert len(set(classes[:20])) == 10
    assert len(set(classes[0:40:2])) == 10
    assert own is not None
    judging = [int(path.parent.name) for path in own.judging]
    assert len(set(judging)) == 8
    assert sorted(classes + judging) == sorted(np.repeat(np.arange(10), 12).tolist())


def test_every_photo_comes_once_whatever_their_number(tmp_path: Path) -> None:
    own = own_samples(class_folder(tmp_path, 5, 5))
    for samples in (1, 2, 7, 22, 25, 100):
        calibration = calibration_photos(own, INTAKE, samples)
        assert len(list(calibration.batches(1, raw=True))) == calibration.count == min(samples, 22)


@pytest.mark.parametrize("count", [8, 9, 16, 63, 64, 65, 128, 1000])
def test_photos_that_judge_are_none_of_the_others(count: int) -> None:
    paths = [Path(f"{index:04d}.png") for index in range(count)]
    own = held_back(paths)
    assert own == held_back(paths)
    assert own.are_held_back
    assert own.note is None
    assert len(own.judging) == own.held_back == min(8, count // 8)
    assert sorted([*own.judging, *own.others]) == paths


@pytest.mark.parametrize("count", [1, 2, 7])
def test_of_very_few_photos_all_do_both_and_it_is_told(count: int) -> None:
    own = held_back([Path(f"{index}.png") for index in range(count)])
    assert own.judging == own.others
    assert len(own.judging) == count
    assert own.held_back == 0
    assert "too few to hold one back" in str(own.note)
