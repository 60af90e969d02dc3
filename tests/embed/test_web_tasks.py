"""The pages of detectors and segmenters, in headless Chromium."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeconv.embed import check
from tests.embed.projects import written
from tests.embed.test_python_tasks import Detector, Segmenter, export

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not here")

#: Gives the page a golden photo as a person does, and tells what is seen of it.
_DRIVER = """<!doctype html><iframe id="frame" src="app.html"></iframe><script type="module">
const wait = async (ready) => {
  for (let i = 0; i < 600 && !ready(); i++) await new Promise((go) => setTimeout(go, 50));
};
frame.onload = async () => {
  const page = frame.contentDocument;
  const status = page.getElementById('status');
  await wait(() => status.textContent === 'Choose a photo.');
  const content = await (await fetch('golden/chelsea.png')).blob();
  const files = new DataTransfer();
  files.items.add(new frame.contentWindow.File([content], 'chelsea.png'));
  const input = page.getElementById('file');
  input.files = files.files;
  status.textContent = '';
  input.dispatchEvent(new Event('change'));
  await wait(() => status.textContent.includes('ms a run'));
  await wait(() => page.querySelectorAll('#classes li').length);
  const canvas = page.getElementById('photo');
  const lines = [`${canvas.width} ${canvas.height}`];
  for (const row of page.querySelectorAll('#classes li')) lines.push(row.textContent);
  await fetch('results', {method: 'POST', body: lines.join('\\n')});
};
</script>"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("tasks")
    torch.manual_seed(3)
    return {
        "detector": export(Detector(), place / "detector"),
        "stretched": export(Detector(), place / "stretched", "stretch"),
        "segmenter": export(Segmenter(), place / "segmenter"),
    }


def page(bundle: Path, file: str, out: Path, packages: Path) -> Path:
    place = written(bundle, "web", file, out)
    (place / "node_modules").symlink_to(packages)
    return place


@pytest.mark.parametrize("file", ["tflite", "onnx"])
@pytest.mark.parametrize("what", ["detector", "segmenter"])
def test_it_gives_what_the_export_gave(what, file, bundles, packages, tmp_path: Path) -> None:
    place = page(bundles[what], file, tmp_path / "project", packages)
    assert check.check(place, "web").steps == dict.fromkeys(
        ("decoding", "resizing", "inference"), True
    )
    for noted in place.glob("golden/*.0.npy"):
        np.save(noted, np.load(noted) + 1)
    assert not check.check(place, "web").steps["inference"]
    assert all(len(one.read_text().splitlines()) < 300 for one in place.glob("*.js"))


@pytest.mark.parametrize("what", ["detector", "stretched", "segmenter"])
def test_a_reader_sees_what_the_python_project_tells(
    what, bundles, packages, tmp_path: Path
) -> None:
    place = page(bundles[what], "onnx", tmp_path / "web", packages)
    (place / "index.html").rename(place / "app.html")
    (place / "index.html").write_text(_DRIVER)
    done = subprocess.run(
        ["node", "serve.mjs", "--self-test"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "", "the console has no error"
    size, *rows = done.stdout.rstrip("\n").split("\n")
    beside = written(bundles[what], "python", "onnx", tmp_path / "python")
    (main,) = beside.glob("*.py")
    code = runpy.run_path(str(main))
    photo = code["decode"](beside / "golden" / "chelsea.png")
    if what == "segmenter":
        _, mask = code["segment"](code["Net"](), photo)
        indices, counts = np.unique(mask, return_counts=True)
        assert size == f"{mask.shape[1]} {mask.shape[0]}"
        expected = dict(zip(map(int, indices), 100 * counts / mask.size, strict=True))
    else:
        found = code["detect"](code["Net"](), photo)
        assert found
        assert size == f"{photo.width} {photo.height}"
        assert len(rows) == len(found[:20])
        expected = {one.index: 100 * one.score for one in reversed(found)}
    told = {}  # the best of each class
    for row in reversed(rows):
        index, share = re.fullmatch(r"class (\d+?)(\d+\.\d) %", row).groups()
        told[int(index)] = float(share)
    assert told == pytest.approx(expected, abs=0.06)
