"""Damaged photos and weights: read, or refused with one line, and never at the cost of memory."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from torch import nn

from edgeconv.data.images import load_image
from edgeconv.errors import ImageRefused, WeightsRefused
from edgeconv.nets.apply_state import apply_state
from edgeconv.nets.file_metadata import parse_metadata
from edgeconv.nets.state_files import read_state_file
from tests.helpers.mutations import mutated, mutated_json, refuses_or_reads

MOST_MIB = 1536
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 4), dtype=np.uint8)
#: Format -> mode of the photo and options of the writer.
FORMATS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "png": [("RGB", {}), ("RGBA", {}), ("P", {"transparency": 3}), ("1", {}), ("I;16", {})],
    "jpg": [("RGB", {}), ("L", {"progressive": True}), ("CMYK", {}), ("RGB", {"exif": True})],
    "webp": [("RGB", {"lossless": True}), ("RGBA", {})],
    "bmp": [("RGB", {}), ("P", {}), ("1", {})],
    "gif": [("P", {"save_all": True, "append_images": True}), ("L", {})],
    "tiff": [("RGB", {"compression": "tiff_lzw"}), ("L", {}), ("CMYK", {"tiffinfo": True})],
    "ppm": [("RGB", {}), ("L", {})],
}


def photo(kind: str, mode: str, options: dict[str, Any]) -> bytes:
    whole = Image.fromarray(PIXELS).convert("RGB" if mode in ("P", "CMYK") else "RGBA")
    image = whole.convert("L").convert(mode) if mode == "I;16" else whole.convert(mode)
    given = dict(options)
    if given.pop("exif", False):
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = 6, "a photo"
        given["exif"] = exif
    if given.pop("append_images", False):
        given["append_images"] = [image.rotate(90)]
    if given.pop("tiffinfo", False):
        given["tiffinfo"] = {0x0112: 3, 0x010E: "a photo"}
    stream = io.BytesIO()
    image.save(stream, {"jpg": "jpeg"}.get(kind, kind), **given)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """A test's own peak, whatever others before it in this process took."""
    held = resident_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
    yield
    assert resident_mib("VmHWM") - held < MOST_MIB


def resident_mib(field: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(field))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # the command silences them as well
def test_damaged_photos_are_read_or_refused(tmp_path: Path, numbers: range) -> None:
    seeds = [photo(kind, *way) for kind, ways in FORMATS.items() for way in ways]
    path = tmp_path / "photo.png"
    for number in numbers:
        path.write_bytes(mutated([seeds[number % len(seeds)]], number))
        refuses_or_reads(lambda: load_image(path), ImageRefused)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)
        self.bn = nn.BatchNorm2d(3)


def use(path: Path) -> None:
    state = read_state_file(path)
    parse_metadata(state.metadata, path)
    apply_state(Net(), state.tensors, str(path), "net")


def with_header(data: bytes, number: int) -> bytes:
    """A .safetensors file whose header is another JSON, of the length that it has."""
    size = int.from_bytes(data[:8], "little")
    header = mutated_json(json.loads(data[8 : 8 + size]), number)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def test_damaged_safetensors_are_read_or_refused(tmp_path: Path, numbers: range) -> None:
    seed = save(Net().state_dict(), {"net": "a", "labels": '["a"]', "input_size": "8"})
    path = tmp_path / "w.safetensors"
    for number in numbers:
        damaged = mutated([seed], number) if number % 2 else with_header(seed, number)
        path.write_bytes(damaged)
        refuses_or_reads(lambda: use(path), WeightsRefused)


def saved(**options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save({"state_dict": Net().state_dict(), "epoch": 3}, stream, **options)
    return stream.getvalue()


def with_pickle(archive: bytes, number: int) -> bytes:
    """A right archive of a damaged pickle."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as right,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as made,
    ):
        for name in right.namelist():
            content = right.read(name)
            made.writestr(name, mutated([content], number) if name.endswith(".pkl") else content)
    return stream.getvalue()


def test_damaged_pickles_are_read_or_refused(tmp_path: Path, numbers: range) -> None:
    seeds = [saved(), saved(_use_new_zipfile_serialization=False)]
    path = tmp_path / "w.pth"
    for number in numbers:
        chosen = number % 3
        damaged = with_pickle(seeds[0], number) if chosen == 2 else mutated([seeds[chosen]], number)
        path.write_bytes(damaged)
        refuses_or_reads(lambda: use(path), WeightsRefused)
