"""What a phone's app does before and behind the engine, compiled and run on a JVM."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgeconv.embed import check
from tests.embed.made_photos import made_photos
from tests.embed.projects import written


@pytest.mark.slow
def test_it_gives_the_bundles_tensors_and_classes(
    bundle: Path, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("java") is None:
        pytest.skip("java is not installed")
    compiler = packages / "kotlin-compiler" / "bin"
    monkeypatch.setenv("PATH", f"{compiler}{os.pathsep}{os.environ['PATH']}")
    (compiler / "kotlinc").chmod(0o755)
    photos = [path for path in made_photos(tmp_path / "photos") if path.suffix == ".png"]
    report = check.check(
        written(bundle, "kotlin", "int8.tflite", tmp_path / "made", photos), "kotlin"
    )
    assert [one for one in report.results if not one.passed] == []
    resized = [one.photo for one in report.results if one.step == "resizing"]
    assert {"colour.png", "palette.png", "alpha.png", "narrow.png", "small.png"} <= set(resized)
    assert report.steps == dict.fromkeys(("resizing", "quantizing", "classes"), True)
