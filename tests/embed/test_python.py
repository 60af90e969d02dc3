"""The Python project, in an interpreter where nothing but its requirements can be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from edgeconv.bundle.bundle import Bundle
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import Preprocessing, crop_pixels
from edgeconv.embed import check
from tests.embed.conftest import LABELS
from tests.embed.made_photos import large_photo, made_photos
from tests.embed.projects import written

#: None of these is in a project's requirements.txt.
OTHERS = ("edgeconv", "torch", "torchvision", "onnx", "onnx_ir", "scipy", "tensorflow", "jinja2")
ALONE = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({OTHERS!r}))
sys.argv = ["classify.py", *sys.argv[1:]]
runpy.run_path("classify.py", run_name="__main__")
"""
PIXELS = f"""
import json, runpy, sys, zlib
sys.modules.update(dict.fromkeys({OTHERS!r}))
code = runpy.run_path("classify.py")
for name in sys.argv[1:]:
    photo = code["decode"](name)
    net = zlib.crc32(code["scaled_and_cut"](photo).tobytes())
    print(json.dumps([name, zlib.crc32(photo.tobytes()), net]))
"""


def crcs(path: Path, pre: Preprocessing) -> tuple[int, int]:
    """CRC-32 of a photo's pixels, and of those that the net sees."""
    photo = load_image(path)
    return crc32(photo.tobytes()), crc32(crop_pixels(photo, pre).tobytes())


def alone(program: str, where: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-c", program, *map(str, words)],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("ends", ["bundle", "of_pixels"])
@pytest.mark.parametrize("file", ["int8.tflite", "tflite", "int8.onnx", "onnx"])
def test_it_gives_the_bundles_classes_without_edgeconv(
    request: pytest.FixtureRequest, ends: str, file: str, tmp_path: Path
) -> None:
    bundle = request.getfixturevalue(ends)
    place = written(bundle, "python", file, tmp_path / "project")
    tested = alone(ALONE, place, "--self-test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert tested.stdout.count("\tok\t") == 4 * 3
    photos = sorted(bundle.glob("golden/*.jpg"))
    told = alone(ALONE, place, *photos).stdout
    expected = Bundle.load(bundle).open(file).predict(photos)
    for prediction in expected:
        for each in prediction.top():
            assert f"{each.probability:7.2%}  {LABELS[each.index]}\n" in told
    assert len((place / "classify.py").read_text().splitlines()) < 300


def test_its_pixels_are_those_of_the_export(bundle: Path, tmp_path: Path) -> None:
    place = written(bundle, "python", None, tmp_path / "project")
    photos = [*made_photos(tmp_path / "photos"), large_photo(tmp_path / "large.jpg")]
    done = alone(PIXELS, place, *photos)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    pre = Bundle.load(bundle).preprocessing
    assert found == [[str(path), *crcs(path, pre)] for path in photos]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"only words", "is no image"), (b"\xff\xd8\xff\xe0broken", "cannot be read"), (b"", "is no")],
)
def test_what_is_no_photo_is_said_in_a_line(
    bundle: Path, content: bytes, said: str, tmp_path: Path
) -> None:
    place = written(bundle, "python", None, tmp_path / "project")
    (tmp_path / "photo.jpg").write_bytes(content)
    done = alone(ALONE, place, tmp_path / "photo.jpg")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "photo.jpg" in line]
    assert said in line
    assert "Traceback" not in done.stderr


def test_check_tells_which_step_differs(bundle: Path, tmp_path: Path) -> None:
    place = written(bundle, "python", "tflite", tmp_path / "project")
    assert check.check(place, "python").to_json()["steps"] == dict.fromkeys(
        ["decoding", "resizing", "inference"], True
    )
    source = (place / "classify.py").read_text()
    for step, right, wrong in (
        ("resizing", "Resampling.BILINEAR", "Resampling.NEAREST"),
        ("decoding", "6: Image.Transpose.ROTATE_270", "6: Image.Transpose.ROTATE_90"),
        ("inference", "MEAN = [0.4", "MEAN = [0.9"),
    ):
        assert right in source
        (place / "classify.py").write_text(source.replace(right, wrong))
        found = check.check(place, "python")
        assert [one for one, passed in found.steps.items() if not passed] == [step]


def test_golden_pixels_are_stored_for_inference_alone(bundle: Path, tmp_path: Path) -> None:
    place = written(bundle, "python", None, tmp_path / "project")
    pre = Bundle.load(bundle).preprocessing
    for photo in (p for p in (place / "golden").iterdir() if p.suffix in (".png", ".jpg")):
        stored = np.fromfile(photo.with_name(f"{photo.name}.pixels"), np.uint8)
        assert np.array_equal(stored, crop_pixels(load_image(photo), pre).ravel())
