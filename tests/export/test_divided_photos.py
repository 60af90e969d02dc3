"""Photos that calibrate, choose and judge: no photo does two, and each part is a fair sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import UsageError
from edgeconv.export.calibration import HELD_BACK_PHOTOS, Calibration, held_back, own_samples
from edgeconv.export.divided_photos import (
    MOST_CHOOSING,
    divide,
    division,
    photos_to_give,
    require_enough,
)
from edgeconv.verify.accuracy.promise import fewest_photos
from tests.export.test_calibration import class_folder

INTAKE = Intake.of_photos(Preprocessing(input_size=(8, 8), resize=8))


def classes(photos: Calibration) -> list[int]:
    """The grey of every photo, which is its class."""
    return [int(batch[0, 0, 0, 0]) for batch in photos.batches(1, raw=True)]


def test_no_photo_does_two_things_and_each_part_is_of_all_classes(tmp_path: Path) -> None:
    divided = divide(own_samples(class_folder(tmp_path, 10, 20)), INTAKE, 40, 5.0)
    parts = [classes(part) for part in (divided.calibration, divided.choosing, divided.judging)]
    counts = [len(part) for part in parts]
    assert counts == [divided.calibration.count, divided.choosing.count, divided.judging.count]
    assert sum(counts) <= divided.total == 200
    assert all(sum(part.count(grey) for part in parts) <= 20 for grey in range(10))
    assert all(len(set(part)) == 10 for part in parts)
    assert counts[2] >= fewest_photos(5.0)


def test_labels_follow_the_photos_that_judge_and_only_labelled_ones_judge(tmp_path: Path) -> None:
    folder = class_folder(tmp_path, 10, 20)
    labels = {path: int(path.parent.name) for path in folder.glob("*/*.png") if path.stem != "3"}
    divided = divide(own_samples(folder), INTAKE, 40, 5.0, labels)
    assert divided.labels is not None
    assert list(divided.labels) == classes(divided.judging)
    few = {path: label for path, label in labels.items() if label == 1}
    assert divide(own_samples(folder), INTAKE, 40, 5.0, few).judging.count == 0


def test_built_in_photos_judge_nothing() -> None:
    divided = divide(None, INTAKE, 128, 50.0)
    assert (divided.calibration.count, divided.choosing.count) == (32, 32)
    assert divided.judging.count == 0
    pixels = {batch.tobytes() for batch in divided.calibration.batches(1, raw=True)}
    assert pixels.isdisjoint(b.tobytes() for b in divided.choosing.batches(1, raw=True))


@pytest.mark.parametrize("bound", [0.001, 0.5, 1.0, 2.0, 5.0, 100.0])
@pytest.mark.parametrize("total", [48, 64, 128, 500, 1000, 10_000, 200_000])
def test_every_division_fits(total: int, bound: float) -> None:
    for samples in (1, 32, 128, 512):
        counts = division(total, samples, fewest_photos(bound), total)
        assert counts.calibrate + counts.choose + counts.judge <= total
        assert 1 <= counts.calibrate <= samples
        assert 32 <= counts.choose <= MOST_CHOOSING
        assert counts.judge == 0 or counts.judge >= fewest_photos(bound)
        assert counts.judge == 0 or counts.judge <= max(10_000, fewest_photos(bound))


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0, 5.0, 20.0])
def test_as_many_photos_as_are_asked_for_can_judge(bound: float) -> None:
    fewest = fewest_photos(bound)
    for samples in (32, 128):
        enough = photos_to_give(fewest, samples) - HELD_BACK_PHOTOS
        assert division(enough, samples, fewest, enough).judge >= fewest
        assert division(enough - 2, samples, fewest, enough).judge < fewest


def test_too_few_photos_are_refused() -> None:
    own = held_back([Path(f"{index:02d}.png") for index in range(53)])
    with pytest.raises(UsageError, match="47 beside the 6 that judge the files are too few"):
        require_enough(own)
    require_enough(held_back([Path(f"{index:02d}.png") for index in range(56)]))
