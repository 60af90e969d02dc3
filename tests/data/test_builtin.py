from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from edgeconv.data import builtin
from edgeconv.data.builtin import photos, sources
from edgeconv.data.preprocessing import Preprocessing, crop_pixels
from edgeconv.errors import UsageError

PRE = Preprocessing()
SPLITS: tuple[builtin.Split, ...] = ("calibration", "golden")


def test_crops_have_the_nets_size_and_no_two_are_alike() -> None:
    crops = [crop.tobytes() for crop in photos(PRE, 256)]
    assert len(set(crops)) == 256
    assert {len(crop) for crop in crops} == {224 * 224 * 3}


@pytest.mark.parametrize("input_size", [(1, 1), (32, 32), (96, 160), (160, 96), (600, 600)])
def test_any_input_size_works(input_size: tuple[int, int]) -> None:
    pre = Preprocessing(input_size=input_size, resize=max(input_size))
    for split in ("calibration", "golden"):
        shapes = {crop.shape for crop in photos(pre, 30, split)}
        assert shapes == {(*input_size, 3)}


def test_golden_and_calibration_share_no_photograph() -> None:
    assert not {s.file for s in sources("golden")} & {s.file for s in sources("calibration")}


def test_every_photograph_is_there_and_free_of_copyright() -> None:
    lines = (builtin.FOLDER / "LICENSES.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "`" in line]
    licenses = {row[0].strip("`"): row[2] for row in rows if len(row) == 4}
    photographs = {source.file for split in SPLITS for source in sources(split)}
    photographs |= set(builtin.WHOLE)
    assert set(licenses) == photographs
    assert {path.name for path in builtin.FOLDER.iterdir()} == photographs | {"LICENSES.md"}
    assert set(licenses.values()) == {"CC0", "public domain"}


def test_the_first_golden_crop_is_the_cat_as_a_folder_would_give_it() -> None:
    with Image.open(builtin.FOLDER / "chelsea.png") as cat:
        expected = crop_pixels(cat.convert("RGB"), PRE)
    np.testing.assert_array_equal(next(photos(PRE, 1, "golden")), expected)


def test_asking_for_more_does_not_change_the_first_ones() -> None:
    few, many = list(photos(PRE, 5)), list(photos(PRE, 9))
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one, other)


def test_half_of_the_calibration_crops_are_everyday_photos() -> None:
    picks = [builtin._pick(index, "calibration")[0] for index in range(64)]
    assert sum(source in builtin.PHOTOS for source in picks) == 32
    assert set(picks) == set(sources("calibration"))


def test_another_process_gets_the_same_bytes() -> None:
    code = (
        "import hashlib\nfrom edgeconv.data.builtin import photos\n"
        "from edgeconv.data.preprocessing import Preprocessing\n"
        "crops = b''.join(c.tobytes() for c in photos(Preprocessing(), 20))\n"
        "print(hashlib.sha256(crops).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256(b"".join(crop.tobytes() for crop in photos(PRE, 20))).hexdigest()
    assert other.stdout.strip() == here


def test_pytorch_is_not_imported_for_them() -> None:
    code = (
        "import sys\nfrom edgeconv.data.builtin import photos\n"
        "from edgeconv.data.preprocessing import Preprocessing\n"
        "list(photos(Preprocessing(), 2))\n"
        "print([name for name in ('torch', 'scipy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_wrong_requests_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="-1 built-in photos"):
        photos(PRE, -1)
    with pytest.raises(UsageError, match="'test' is no split"):
        photos(PRE, 1, "test")  # type: ignore[arg-type]
