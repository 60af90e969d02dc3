"""The colours, the panels, and the file they end up in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import OutputExists, OutputUnwritable, UsageError
from edgeconv.explain import picture
from edgeconv.explain.picture import Panel, inferno

PHOTO = np.full((32, 48, 3), 128, np.uint8)


def test_the_colours_are_infernos():
    # matplotlib's own table at 0, 1/4, 1/2, 3/4 and 1.
    published = [(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)]
    got = inferno(np.linspace(0, 1, 5)[None])[0]
    assert np.abs(got.astype(int) - published).max() <= 8


def test_more_is_always_brighter():
    rgb = inferno(np.linspace(0, 1, 256)[None])[0] / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)  # sRGB, IEC 61966-2-1
    assert (np.diff(luminance) > -1e-3).all()
    assert luminance[-1] > 0.9 > 0.01 > luminance[0]


def test_a_map_lights_up_the_place_it_points_at():
    cam = np.zeros((4, 6), np.float32)
    cam[0, 0] = 3
    mixed = picture.overlay(PHOTO, cam).astype(int)
    assert mixed.shape == PHOTO.shape
    assert mixed[2, 2].sum() > mixed[-1, -1].sum() + 100


def test_a_flat_map_and_a_flat_gradient_can_be_drawn():
    picture.overlay(PHOTO, np.zeros((4, 6), np.float32))
    grey = picture.gradient_picture(np.zeros((3, 32, 48), np.float32))
    assert np.ptp(grey) == 0


def test_panels_stand_side_by_side_and_long_captions_are_cut():
    panels = [Panel(PHOTO, ("one", "a caption " * 40)), Panel(PHOTO, ("two\n\x1b[31m",))]
    image = picture.draw(panels)
    assert image.width > 2 * 224 * 48 // 32
    assert image.getpixel((image.width - 1, image.height - 1)) == (255, 255, 255)


def test_the_file_is_a_png_and_nothing_stands_beside_it(tmp_path: Path):
    picture.save(picture.draw([Panel(PHOTO, ("one",))]), tmp_path / "p.png", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
    with Image.open(tmp_path / "p.png") as image:
        assert image.format == "PNG"


def test_what_stands_there_is_replaced_only_with_force(tmp_path: Path):
    image = picture.draw([Panel(PHOTO, ("one",))])
    (tmp_path / "p.png").write_bytes(b"mine")
    with pytest.raises(OutputExists, match="--force"):
        picture.save(image, tmp_path / "p.png", force=False)
    assert (tmp_path / "p.png").read_bytes() == b"mine"
    picture.save(image, tmp_path / "p.png", force=True)
    assert (tmp_path / "p.png").read_bytes() != b"mine"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    image = picture.draw([Panel(PHOTO, ("one",))])
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputUnwritable, match="No space left"):
        picture.save(image, tmp_path / "p.png", force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "error"),
    [("p.jpg", UsageError), ("missing/p.png", OutputUnwritable), ("folder.png", OutputExists)],
)
def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path, name: str, error: type):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(error):
        picture.check_destination(tmp_path / name, force=True)
