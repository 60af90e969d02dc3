"""Weighted photos are photos that are there several times, as pycocotools sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.data.annotations.coco import Box, Coco, Picture
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.verify.tasks.coco_figures import Precision
from edgeconv.verify.tasks.detection import Detection
from edgeconv.verify.tasks.heads import Detections

pytest.importorskip("pycocotools", reason="pip install pycocotools")

RNG = np.random.default_rng(4)
PHOTOS = 12


def _annotated(photo: int) -> list[Box]:
    boxes = []
    for _ in range(RNG.integers(0, 5)):
        x, y, width, height = RNG.uniform(0, 60), RNG.uniform(0, 60), *RNG.uniform(9, 40, 2)
        category = int(RNG.choice([1, 2, 5]))
        crowd = bool(RNG.random() < 0.15)
        boxes.append(Box(photo, category, (x, y, width, height), width * height, crowd))
    return boxes


def _found(boxes: list[Box]) -> Detections:
    right = [[x, y, x + w, y + h] for x, y, w, h in (box.bbox for box in boxes)]
    near = np.array(right).reshape(-1, 4) + RNG.normal(0, 2, (len(boxes), 4))
    wrong = np.sort(RNG.uniform(0, 90, (4, 2, 2)), axis=1).reshape(4, 4)
    categories = [box.category for box in boxes] + RNG.choice([1, 2, 5], 4).tolist()
    corners = np.concatenate([near, wrong])
    return Detections(corners, RNG.uniform(0, 1, len(corners)), np.array(categories))


def _several(truth: list[list[Box]], found: list[Detections], times: np.ndarray) -> Precision:
    pictures, boxes, detections = [], [], []
    for photo in np.repeat(np.arange(len(truth)), times):
        number = len(pictures)
        pictures.append(Picture(number, Path("x"), None))
        boxes += [Box(number, b.category, b.bbox, b.area, b.is_crowd) for b in truth[photo]]
        detections.append(found[photo])
    categories = {1: "a", 2: "b", 5: "c", 6: "nowhere"}
    return Precision(Coco(tuple(pictures), categories, tuple(boxes)), detections)


def test_resamples_are_what_pycocotools_makes_of_photos_drawn_again() -> None:
    truth = [_annotated(photo) for photo in range(PHOTOS)]
    found = [_found(boxes) for boxes in truth]
    once = _several(truth, found, np.ones(PHOTOS, int))
    assert 0.1 < once.values["AP"] < 0.9
    weights = [np.ones(PHOTOS, int), *np.random.default_rng(0).multinomial(12, [1 / 12] * 12, 5)]
    for times in weights:
        precision, exact = once.weighted(times.astype(float)), _several(truth, found, times).values
        assert precision.mean() == pytest.approx(exact["AP"], abs=1e-9)
        assert precision[0] == pytest.approx(exact["AP50"], abs=1e-9)
        assert precision[5] == pytest.approx(exact["AP75"], abs=1e-9)
    shown = once.estimate("AP")
    assert shown.low is not None
    assert shown.high is not None
    assert 0 < shown.low < shown.value < shown.high < 1
    same = once.change("AP", _several(truth, found, np.ones(PHOTOS, int)))
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_what_is_lost_of_photos_drawn_again_is_pycocotools_difference() -> None:
    truth = [_annotated(photo) for photo in range(PHOTOS)]
    one, other = ([_found(boxes) for boxes in truth] for _ in range(2))
    pictures = tuple(Picture(number, Path("x"), None) for number in range(PHOTOS))
    boxes = tuple(box for of_photo in truth for box in of_photo)
    coco = Coco(pictures, {1: "a", 2: "b", 5: "c"}, boxes)
    task = Detection((), coco, lambda *_: one[0], Preprocessing())
    loss = task.loss(other, one)
    assert (loss.of, loss.unit, loss.photos) == ("AP lost", "points", PHOTOS)
    weights = np.random.default_rng(1).multinomial(12, [1 / 12] * 12, 3)
    for times, lost in zip(weights, loss.of_weights(weights.astype(float)), strict=True):
        exact, own = (_several(truth, found, times).values["AP"] for found in (one, other))
        assert lost == pytest.approx(100 * (exact - own), abs=1e-7)


def test_nothing_found_is_a_precision_of_none() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    truth = [[Box(0, 1, (0, 0, 50, 50), 2500, False)]]
    precision = _several(truth, [nothing], np.ones(1, int))
    assert (precision.values["AP"], precision.values["AR 100"]) == (0, 0)
