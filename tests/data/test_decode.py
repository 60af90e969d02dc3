from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.data import decode
from edgeconv.data.decode import LOOK_AHEAD, load_pixels, stream
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import ImageRefused

PRE = Preprocessing(input_size=(8, 8), resize=8)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    files = []
    for index in range(20):
        files.append(tmp_path / f"{index:02d}.png")
        Image.new("RGB", (10 + index, 9), (index, index, index)).save(files[-1])
    return files


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_photos_come_in_order(paths: list[Path], workers: int | None) -> None:
    crops = list(stream(paths, PRE, workers))
    assert [int(crop[0, 0, 0]) for crop in crops] == list(range(20))
    assert crops[0].shape == (8, 8, 3)
    assert list(stream([], PRE, workers)) == []


def test_an_error_carries_its_path_and_comes_after_the_photos_before_it(paths: list[Path]) -> None:
    paths[7].write_text("no photo")
    crops = stream(paths, PRE, 2)
    assert [int(next(crops)[0, 0, 0]) for _ in range(7)] == list(range(7))
    with pytest.raises(ImageRefused, match=r"07\.png is no image"):
        next(crops)


def test_a_photo_too_narrow_to_scale_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (20_000, 1)).save(tmp_path / "thin.png")
    with pytest.raises(ImageRefused, match=r"thin\.png: a photo of 20000 x 1 pixels is too narrow"):
        load_pixels(tmp_path / "thin.png", Preprocessing())


def test_only_a_few_photos_are_ahead_of_the_consumer(paths: list[Path]) -> None:
    asked: list[Path] = []

    def asking() -> Iterator[Path]:
        for path in paths:
            asked.append(path)
            yield path

    workers = 2
    for taken, _ in enumerate(stream(asking(), PRE, workers), start=1):
        assert len(asked) <= taken + workers * LOOK_AHEAD


def test_stopping_early_leaves_no_thread_and_starts_no_more_files(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, started = set(threading.enumerate()), list[Path]()
    real = decode.load_pixels

    def counting(path: Path, pre: Preprocessing) -> object:
        started.append(path)
        return real(path, pre)

    monkeypatch.setattr(decode, "load_pixels", counting)
    photos = stream(paths, PRE, 1)
    np.testing.assert_array_equal(next(photos), real(paths[0], PRE))
    photos.close()  # type: ignore[attr-defined]
    assert len(started) <= 1 + LOOK_AHEAD
    assert set(threading.enumerate()) <= before
