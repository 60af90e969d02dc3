"""Each kind of file against pixels computed by hand; each hostile one against its message."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeconv.data import images
from edgeconv.data.images import load_image, to_rgb
from edgeconv.errors import ImageRefused

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def loaded(path: Path) -> NDArray[np.uint8]:
    image = load_image(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def in_three_channels(grey: NDArray[Any]) -> NDArray[np.uint8]:
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def png(
    tmp_path: Path,
    width: int,
    height: int,
    depth: int,
    colour: int,
    rows: bytes,
    *extra: tuple[bytes, bytes],
) -> Path:
    """A PNG written by hand, so that Pillow's writer is no witness for its reader."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path = tmp_path / "by_hand.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in chunks))
    return path


def scanlines(samples: NDArray[Any]) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in samples)


def test_lossless_colour_comes_back_unchanged(tmp_path: Path) -> None:
    for suffix in (".png", ".bmp", ".tif", ".ppm"):
        path = tmp_path / f"colour{suffix}"
        Image.fromarray(COLOUR).save(path)
        np.testing.assert_array_equal(loaded(path), COLOUR)
    Image.fromarray(COLOUR).save(tmp_path / "colour.webp", lossless=True)
    np.testing.assert_array_equal(loaded(tmp_path / "colour.webp"), COLOUR)


def test_greyscale_fills_all_channels(tmp_path: Path) -> None:
    path = png(tmp_path, 9, 6, 8, 0, scanlines(GREY))
    np.testing.assert_array_equal(loaded(path), in_three_channels(GREY))


def test_greyscale_jpeg_fills_all_channels(tmp_path: Path) -> None:
    Image.new("L", (16, 16), 93).save(tmp_path / "grey.jpg", quality=100)
    assert np.unique(loaded(tmp_path / "grey.jpg")).tolist() == [93]


def test_bilevel_is_black_and_white(tmp_path: Path) -> None:
    path = png(tmp_path, 8, 1, 1, 0, b"\0\xa5")
    expected = np.array([[1, 0, 1, 0, 0, 1, 0, 1]]) * 255
    np.testing.assert_array_equal(loaded(path), in_three_channels(expected))


def test_sixteen_bit_grey_keeps_its_high_byte(tmp_path: Path) -> None:
    samples = RNG.integers(0, 65536, (6, 9)).astype(">u2")
    samples[0, :4] = (0, 255, 256, 65535)
    path = png(tmp_path, 9, 6, 16, 0, scanlines(samples))
    np.testing.assert_array_equal(loaded(path), in_three_channels(samples.astype(int) // 256))


def test_sixteen_bit_colour_keeps_its_high_byte(tmp_path: Path) -> None:
    samples = RNG.integers(0, 65536, (6, 9, 3)).astype(">u2")
    path = png(tmp_path, 9, 6, 16, 2, scanlines(samples))
    np.testing.assert_array_equal(loaded(path), samples.astype(int) // 256)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiff_keeps_its_high_byte(tmp_path: Path, order: str) -> None:
    samples = RNG.integers(0, 65536, (6, 9)).astype(order)
    path = tmp_path / "deep.tif"
    path.write_bytes(_tiff(samples, order))
    np.testing.assert_array_equal(loaded(path), in_three_channels(samples.astype(int) // 256))


def _tiff(samples: NDArray[Any], order: str) -> bytes:
    """One strip of 16-bit grey behind a directory of nine entries (TIFF 6.0, section 2)."""
    height, width = samples.shape
    mark, start = order[0], 8 + 2 + 9 * 12 + 4
    tags = {256: width, 257: height, 258: 16, 259: 1, 262: 1}
    tags |= {273: start, 277: 1, 278: height, 279: samples.nbytes}
    entries = b"".join(struct.pack(f"{mark}HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = (b"II" if mark == "<" else b"MM") + struct.pack(f"{mark}HIH", 42, 8, len(tags))
    return head + entries + struct.pack(f"{mark}I", 0) + samples.tobytes()


def test_sixteen_bit_pgm_keeps_its_high_byte(tmp_path: Path) -> None:
    samples = RNG.integers(0, 65536, (6, 9)).astype(">u2")
    (tmp_path / "deep.pgm").write_bytes(b"P5 9 6 65535\n" + samples.tobytes())
    expected = in_three_channels(samples.astype(int) // 256)
    np.testing.assert_array_equal(loaded(tmp_path / "deep.pgm"), expected)


def test_palette_gives_its_colours(tmp_path: Path) -> None:
    palette = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
    path = png(tmp_path, 9, 6, 8, 3, scanlines(GREY), (b"PLTE", palette.tobytes()))
    np.testing.assert_array_equal(loaded(path), palette[GREY])


def test_transparent_palette_lies_on_white(tmp_path: Path) -> None:
    palette = np.array([[10, 20, 30], [200, 100, 50]], dtype=np.uint8)
    rows = scanlines(np.array([[0, 1]], dtype=np.uint8))
    extra = ((b"PLTE", palette.tobytes()), (b"tRNS", bytes([0, 255])))
    path = png(tmp_path, 2, 1, 8, 3, rows, *extra)
    assert loaded(path)[0].tolist() == [[255, 255, 255], [200, 100, 50]]


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    value, alpha = np.meshgrid(np.arange(256), np.arange(256))
    samples = np.stack([value, 255 - value, value, alpha], axis=2).astype(np.uint8)
    path = png(tmp_path, 256, 256, 8, 6, scanlines(samples))
    shares = alpha[:, :, None] / 255
    expected = samples[:, :, :3] * shares + 255 * (1 - shares)
    assert np.abs(loaded(path) - expected).max() <= 0.51


def test_grey_with_transparency_lies_on_white(tmp_path: Path) -> None:
    samples = np.array([[[40, 255], [40, 0]]], dtype=np.uint8)
    path = png(tmp_path, 2, 1, 8, 4, scanlines(samples))
    assert loaded(path)[0].tolist() == [[40] * 3, [255] * 3]


def test_a_transparent_colour_key_lies_on_white(tmp_path: Path) -> None:
    rgb = np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8)
    key = struct.pack(">HHH", 1, 2, 3)
    path = png(tmp_path, 2, 1, 8, 2, scanlines(rgb), (b"tRNS", key))
    assert loaded(path)[0].tolist() == [[255] * 3, [4, 5, 6]]
    deep = np.array([[512, 513]]).astype(">u2")
    path = png(tmp_path, 2, 1, 16, 0, scanlines(deep), (b"tRNS", struct.pack(">H", 513)))
    assert loaded(path)[0].tolist() == [[2] * 3, [255] * 3]


def test_cmyk_jpeg_is_converted_and_adobe_inversion_undone(tmp_path: Path) -> None:
    inks = (40, 90, 160, 30)
    image = Image.new("CMYK", (32, 32), inks)
    image.save(tmp_path / "cmyk.jpg", quality=100, subsampling=0)
    expected = [(255 - ink) * (255 - inks[3]) / 255 for ink in inks[:3]]
    assert np.abs(loaded(tmp_path / "cmyk.jpg") - np.array(expected)).max() <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = np.zeros((16, 24, 3), dtype=np.uint8)
    upright[:8, :12] = (250, 10, 10)
    upright[:8, 12:] = (10, 250, 10)
    upright[8:, :12] = (10, 10, 250)
    # What the camera stored: the inverse of what EXIF 2.32 says a viewer has to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}
    path = tmp_path / f"turned{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options.get(suffix, {}))
    assert np.abs(loaded(path).astype(int) - upright).max() <= 3


def test_a_damaged_exif_block_leaves_the_photo_as_it_is(tmp_path: Path) -> None:
    for exif in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0garbage", b"Exif\0\0"):
        Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "x.png", exif=exif)
        assert loaded(tmp_path / "x.png").shape == (8, 8, 3)


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    assert loaded(tmp_path / "moves.gif")[0, 0].tolist() == [255, 0, 0]


def test_photos_of_phones_with_a_second_picture_inside_are_read(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (16, 16), colour) for colour in ((9, 9, 9), (200, 9, 9)))
    first.save(tmp_path / "mpo.jpg", format="MPO", save_all=True, append_images=[second])
    assert loaded(tmp_path / "mpo.jpg")[0, 0].tolist() == [9, 9, 9]


def test_a_large_jpeg_is_decoded_at_its_full_size(tmp_path: Path) -> None:
    Image.fromarray(RNG.integers(0, 256, (640, 800, 3), dtype=np.uint8)).save(tmp_path / "l.jpg")
    assert load_image(tmp_path / "l.jpg").size == (800, 640)


def test_float_pixels_are_refused() -> None:
    with pytest.raises(ImageRefused, match="mode F; 8 or 16 bits of grey"):
        to_rgb(Image.new("F", (2, 2)))


def test_float_tiff_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("F", (4, 4)).save(tmp_path / "float.tif")
    with pytest.raises(ImageRefused, match=r"float\.tif: its pixels are of Pillow's mode F"):
        load_image(tmp_path / "float.tif")


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 1), (1, 30_000), (30_000, 30_000), (10_000, 10_000)]
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_are_refused_from_the_header(
    tmp_path: Path, width: int, height: int
) -> None:
    path = png(tmp_path, width, height, 8, 2, b"")
    with pytest.raises(ImageRefused, match=r"by_hand\.png.*limit.*67,108,864"):
        load_image(path)


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = png(tmp_path, 30_000, 20_000, 8, 2, bytes(1000))
    code = (
        "import resource, sys\n"
        "from edgeconv.data.images import load_image\n"
        "from edgeconv.errors import ImageRefused\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    load_image(sys.argv[1])\n"
        "except ImageRefused:\n    pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 20_000  # KiB; the pixels would take 2.4 GB


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_where_warnings_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused, match="limit"):
        load_image(png(tmp_path, 10_000, 10_000, 8, 2, b""))


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as stream:
        stream.truncate(images.MAX_FILE_BYTES + 1)
    with pytest.raises(ImageRefused, match=r"huge\.jpg has 268,435,457 bytes; the limit"):
        load_image(path)


def test_what_is_no_image_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a photo")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "script.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, reason in (
        ("text.jpg", "no image that can be read"),
        ("empty.jpg", "is empty"),
        ("folder.jpg", "is a directory"),
        ("loop.jpg", "cannot be read"),
        ("script.jpg", "no image that can be read"),
        ("pipe.jpg", "not a regular file"),
        ("missing.jpg", "cannot be read: No such file"),
        ("n" * 300 + ".jpg", "cannot be read: File name too long"),
    ):
        with pytest.raises(ImageRefused, match=reason) as caught:
            load_image(tmp_path / name)
        assert name in str(caught.value)
    with pytest.raises(ImageRefused, match="is no file name"):
        load_image("a\0b.jpg")


def samples_of_every_format(tmp_path: Path) -> list[Path]:
    photo = Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    paths = []
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".ppm"):
        paths.append(tmp_path / f"whole{suffix}")
        photo.save(paths[-1], **({"exif": exif} if suffix in (".jpg", ".png", ".webp") else {}))
    paths.append(tmp_path / "lzw.tif")
    photo.save(paths[-1], compression="tiff_lzw")
    paths.append(tmp_path / "progressive.jpg")
    photo.save(paths[-1], progressive=True)
    return paths


def test_truncated_files_are_refused_by_name(tmp_path: Path) -> None:
    for path in samples_of_every_format(tmp_path):
        whole = path.read_bytes()
        cut = path.with_name(f"cut_{path.name}")
        for length in (1, 8, 30, len(whole) // 2):
            cut.write_bytes(whole[:length])
            with pytest.raises(ImageRefused) as caught:
                load_image(cut)
            assert str(cut) in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_give_a_photo_or_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for path in samples_of_every_format(tmp_path):
        whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        damaged = path.with_name(f"damaged_{path.name}")
        for round_number in range(60):
            data = whole.copy()
            reach = len(data) if round_number % 2 else min(len(data), 200)
            data[rng.integers(0, reach, 6)] = rng.integers(0, 256, 6)
            damaged.write_bytes(data.tobytes())
            with contextlib.suppress(ImageRefused):
                assert load_image(damaged).mode == "RGB"
