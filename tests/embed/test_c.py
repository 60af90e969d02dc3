"""The C project, built and run here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeconv.embed import check
from tests.embed.made_photos import large_photo, made_photos
from tests.embed.projects import written

_HEADERS = ("jpeglib.h", "png.h", "zlib.h")


def _missing() -> list[str]:
    """Of what the project is built with."""
    tools = [name for name in ("cmake", "cc") if shutil.which(name) is None]
    include = "".join(f"#include <{name}>\n" for name in ("stdio.h", *_HEADERS))
    if (
        not tools
        and subprocess.run(
            ["cc", "-E", "-"], input=include.encode(), capture_output=True, check=False
        ).returncode
    ):
        tools.append(f"one of {', '.join(_HEADERS)}")
    return tools


pytestmark = pytest.mark.skipif(bool(_missing()), reason=f"lacking: {', '.join(_missing())}")


@pytest.mark.parametrize("ends", ["bundle", "of_pixels"])
@pytest.mark.parametrize("file", ["int8.tflite", "tflite"])
def test_it_passes_the_golden_check(
    request: pytest.FixtureRequest, ends: str, file: str, tmp_path: Path
) -> None:
    place = written(request.getfixturevalue(ends), "c", file, tmp_path / "project")
    report = check.check(place, "c")
    assert all(one.passed for one in report.results), report
    assert len(report.results) == 4 * 3
    for source in place.glob("*.[ch]"):
        assert len(source.read_text().splitlines()) < 300


def test_its_pixels_are_those_of_the_export(bundle: Path, tmp_path: Path) -> None:
    photos = [*made_photos(tmp_path / "photos"), large_photo(tmp_path / "large.jpg")]
    place = written(bundle, "c", "tflite", tmp_path / "project", photos)
    report = check.check(place, "c")
    assert [one for one in report.results if not one.passed] == []
    assert len(report.results) == 3 * len(photos)


def test_grey_photos_are_stretched_by_the_other_filter(grey_bundle: Path, tmp_path: Path) -> None:
    photos = made_photos(tmp_path / "photos")
    place = written(grey_bundle, "c", "int8.tflite", tmp_path / "project", photos)
    report = check.check(place, "c")
    assert [one for one in report.results if not one.passed] == []
    assert len(report.results) == 3 * len(photos)
