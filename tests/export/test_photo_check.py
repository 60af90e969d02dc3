"""Photos before PyTorch is started: what is found at once, and at what cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edgeconv.errors import ImageRefused
from edgeconv.export import photo_check
from edgeconv.export.calibration import OwnSamples
from edgeconv.export.options import ExportOptions
from edgeconv.export.photo_check import check_photos


def folder_of(place: Path, count: int) -> list[Path]:
    paths = [place / f"{index}.jpg" for index in range(count)]
    for path in paths:
        Image.effect_noise((40, 40), 90).save(path)
    return paths


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


@pytest.fixture
def own(tmp_path: Path) -> OwnSamples:
    paths = folder_of(tmp_path, 9)
    return OwnSamples((paths[0],), tuple(paths[1:]), are_held_back=True)


def test_right_photos_pass(own: OwnSamples) -> None:
    check_photos(own, ExportOptions())


@pytest.mark.parametrize("index", range(9))
def test_a_cut_photo_is_named_whatever_it_is_for(own: OwnSamples, index: int) -> None:
    path = (*own.judging, *own.others)[index]
    cut(path)
    with pytest.raises(ImageRefused, match=f"{path.name} is broken"):
        check_photos(own, ExportOptions())


def test_a_photo_that_changed_meanwhile_is_looked_at_again(own: OwnSamples) -> None:
    check_photos(own, ExportOptions())
    cut(own.judging[0])
    with pytest.raises(ImageRefused):
        check_photos(own, ExportOptions())


def test_past_the_budget_only_headers_are_read(
    own: OwnSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_check, "CHEAP_PIXELS", 0)
    cut(own.others[3])
    check_photos(own, ExportOptions())
    own.others[4].write_text("no photo")
    with pytest.raises(ImageRefused, match="is no image"):
        check_photos(own, ExportOptions())


def test_photos_that_are_not_read_are_not_looked_at(own: OwnSamples) -> None:
    own.others[-1].write_text("no photo")
    check_photos(own, ExportOptions(calib_samples=1))
