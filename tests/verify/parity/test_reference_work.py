"""Files that are large for LiteRT's reference kernels see fewer photos, or none and say so."""

from __future__ import annotations

import pytest

from edgeconv.files.read import read_operations
from edgeconv.runtime.adapt import Images
from edgeconv.verify.parity import against_reference as parity
from edgeconv.verify.parity import golden_runs, reference_work
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.reference_work import TOO_SLOW, reference_photos
from tests.helpers.tiny_models import TinyNet, photos

NET = TinyNet()
PHOTOS = Images(photos(16))
LOGITS = NET.logits(PHOTOS.normalized)
REFERENCE = "int8.tflite (reference kernels)"
PAIR = "int8.onnx against int8.tflite"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "int8_convolution_saturates", lambda: False)
    return NET.write_all(tmp_path)


@pytest.fixture
def work(files):
    """Multiply-adds of one photo."""
    return read_operations(files["int8.tflite"]).multiply_adds


def stages(files):
    return {
        stage.name: stage
        for stage in parity.check(files, Expected(PHOTOS, {"logits": LOGITS})).stages
    }


@pytest.mark.parametrize(("times", "count"), [(0.5, 1), (1, 1), (3.5, 3)])
def test_so_many_photos_as_the_work_allows_and_always_one(files, work, monkeypatch, times, count):
    monkeypatch.setattr(reference_work, "WORK", int(times * work))
    assert reference_photos(files["int8.tflite"]) == count


def test_no_more_photos_than_show_that_the_kernels_agree(files):
    assert reference_photos(files["int8.tflite"]) == reference_work.MOST_PHOTOS
    assert stages(files)[REFERENCE].figures[0].samples == reference_work.MOST_PHOTOS
    assert stages(files)["int8.tflite"].figures[0].samples == len(PHOTOS)


def test_both_int8_files_are_judged_on_the_photos_that_set_the_floor(files, work, monkeypatch):
    seen = []

    def spied(*arguments):
        found = golden_runs.compare_all(*arguments)
        seen.append(len(arguments[0][0]))
        return found

    monkeypatch.setattr(reference_work, "WORK", 3 * work)
    monkeypatch.setattr(parity, "compare_all", spied)
    found = stages(files)
    assert seen == [3, 3]
    assert found[PAIR].passed
    assert all(stage.passed for stage in found.values())


def test_where_one_photo_is_too_many_the_stages_say_so(files, work, monkeypatch):
    monkeypatch.setattr(reference_work, "MOST_WORK", work - 1)
    found = stages(files)
    left_out = [name for name, stage in found.items() if stage.note == TOO_SLOW]
    assert left_out == ["tflite (reference kernels)", REFERENCE]
    assert not any(found[name].judged for name in left_out)
    assert found["int8.tflite"].passed
    assert PAIR not in found
