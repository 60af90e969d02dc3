"""Tables and masks that name photos."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edgeconv.data.annotations.masks import masked_photos
from edgeconv.data.annotations.numbers import read_numbers
from edgeconv.errors import RefusedError, UsageError


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path)
    return path


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    table = tmp_path / "t.csv"
    table.write_text("file,x,X\na.png,1,2\n")
    with pytest.raises(RefusedError, match="names a column twice"):
        read_numbers(table, tmp_path)


def test_a_masks_ending_may_be_in_capitals(tmp_path: Path) -> None:
    photo, mask = image(tmp_path / "p" / "a.jpg"), image(tmp_path / "m" / "a.PNG")
    (pair,) = masked_photos(tmp_path / "p", tmp_path / "m")
    assert (pair.photo, pair.mask) == (photo, mask)


def test_two_masks_of_one_photo_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "p" / "a.jpg")
    image(tmp_path / "m" / "a.PNG")
    image(tmp_path / "m" / "a.png")
    with pytest.raises(UsageError, match="two masks of one photo"):
        masked_photos(tmp_path / "p", tmp_path / "m")
