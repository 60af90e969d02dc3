"""The colours, the panels, and the file they end up in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import OutputExists, OutputUnwritable, UsageError
from edgeconv.explain import picture
from edgeconv.explain.colors import MAP
from edgeconv.explain.picture import Panel

PHOTO = np.full((32, 48, 3), 128, np.uint8)


def test_the_colours_are_infernos():
    # As its authors publish them, at 0, 1/4, 1/2, 3/4 and 1 (https://bids.github.io/colormap).
    published = [(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)]
    got = MAP.colors(np.linspace(0, 1, 5)[None])[0]
    assert np.abs(got.astype(int) - published).max() <= 2


def test_more_is_always_brighter():
    rgb = MAP.colors(np.linspace(0, 1, 256)[None])[0] / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)  # sRGB, IEC 61966-2-1
    assert (np.diff(luminance) > -1e-3).all()
    assert luminance[-1] > 0.9 > 0.01 > luminance[0]


def test_a_difference_is_red_where_int8_has_more_and_blue_where_float_has():
    floating, int8 = np.eye(2, dtype=np.float32), np.fliplr(np.eye(2, dtype=np.float32))
    shown = picture.difference_panel(PHOTO, floating, 5 * int8, ("d",)).pixels.astype(int)
    red, blue = shown[2, -3], shown[2, 2]
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


def test_maps_that_differ_in_size_alone_have_no_difference():
    cam = np.arange(24, dtype=np.float32).reshape(4, 6)
    shown = picture.difference_panel(PHOTO, cam, 4 * cam, ("d",)).pixels.astype(int)
    assert np.ptp(shown, axis=-1).max() <= 2


def test_a_scale_shows_the_colours_of_the_map_above_it():
    grey, cam = np.full((32, 48, 3), 128, np.uint8), np.zeros((4, 6), np.float32)
    cam[0, 0] = 1
    panel = picture.map_panel(grey, cam, ("map",))
    image = np.asarray(picture.draw([panel])).astype(int)
    strip = image[8 + 32 * 7 + 4 + 5, 8 : 8 + 48 * 7]
    assert np.abs(strip[0] - panel.pixels[-1, -1]).max() <= 2
    assert np.abs(strip[-1] - panel.pixels[0, 0]).max() <= 2


def test_a_map_lights_up_the_place_it_points_at():
    cam = np.zeros((4, 6), np.float32)
    cam[0, 0] = 3
    mixed = picture.map_panel(PHOTO, cam, ("map",)).pixels.astype(int)
    assert mixed.shape == PHOTO.shape
    assert mixed[2, 2].sum() > mixed[-1, -1].sum() + 100


def test_a_flat_map_and_a_flat_gradient_can_be_drawn():
    flat = np.zeros((4, 6), np.float32)
    picture.map_panel(PHOTO, flat, ("map",))
    picture.difference_panel(PHOTO, flat, flat, ("difference",))
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
