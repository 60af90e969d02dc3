"""The page in a headless Chromium, with both engines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeconv.bundle.bundle import Bundle
from edgeconv.embed import check
from edgeconv.errors import UsageError
from tests.embed.conftest import LABELS
from tests.embed.made_photos import large_photo, made_photos
from tests.embed.projects import written
from tests.helpers.served import told_over_http

pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is not installed"
)
#: Gives the page files as a user would, and notes what it shows.
_DRIVER = """<!doctype html><iframe id="app" src="app.html"></iframe><script>
const frame = document.getElementById('app');
const wait = async (found) => { while (!found()) await new Promise((go) => setTimeout(go, 20)); };
frame.onload = async () => {
  const page = frame.contentDocument;
  const status = page.getElementById('status');
  const give = async (name, content) => {
    const files = new frame.contentWindow.DataTransfer();
    files.items.add(new frame.contentWindow.File([content], name));
    const input = page.getElementById('file');
    input.files = files.files;
    status.textContent = '';
    input.dispatchEvent(new Event('change'));
    await wait(() => status.textContent);
    return [status.textContent, page.querySelectorAll('#classes li').length].join('|');
  };
  await wait(() => status.textContent === 'Choose a photo.');
  const photo = await (await fetch('golden/chelsea.png')).blob();
  const lines = [await give('chelsea.png', photo)];
  await wait(() => page.querySelectorAll('#classes li').length);
  for (const row of page.querySelectorAll('#classes li')) lines.push('class|' + row.textContent);
  lines.push('images|' + page.images.length);
  lines.push(await give('notes.txt', 'only words'));
  await fetch('results', {method: 'POST', body: lines.join('\\n')});
};
</script>"""

#: As frameworks do that set a page up twice.
_TWICE = """
const {loadNet} = await import('./classify.js');
told = (await Promise.all([loadNet(), loadNet()])).length;
"""


def page(bundle: Path, file: str, out: Path, packages: Path, photos: list[Path]) -> Path:
    place = written(bundle, "web", file, out, photos)
    (place / "node_modules").symlink_to(packages)
    return place


def test_grey_photos_are_stretched_by_the_other_filter(
    grey_bundle: Path, packages: Path, tmp_path: Path
) -> None:
    photos = made_photos(tmp_path / "photos")
    place = page(grey_bundle, "onnx", tmp_path / "project", packages, photos)
    report = check.check(place, "web")
    assert [one for one in report.results if not one.passed] == []
    assert len(report.results) == 3 * len(photos)


@pytest.mark.parametrize("file", ["tflite", "onnx", "int8.tflite", "int8.onnx"])
def test_it_decodes_resizes_and_infers_as_the_export_did(
    bundle: Path, of_pixels: Path, file: str, packages: Path, tmp_path: Path
) -> None:
    photos = []
    if file == "tflite":
        photos = [*made_photos(tmp_path / "photos"), large_photo(tmp_path / "large.jpg")]
    source = of_pixels if file.startswith("int8") else bundle
    place = page(source, file, tmp_path / "project", packages, photos)
    report = check.check(place, "web")
    assert [one for one in report.results if not one.passed] == []
    assert len(report.results) == 3 * (len(photos) or 4)


#: Between probabilities of an engine's builds for a browser and for this CPU.
_NEAR = 1e-5
#: The page's own way from a file to classes: [index, probability] of each photo's five best.
_CLASSES = """
const {best, decode, loadNet, probabilities, scaledAndCut} = await import('./classify.js');
const net = await loadNet();
told = [];
for (const name of await (await fetch('photos.json')).json()) {
  const photo = await decode(await (await fetch(`photos/${name}`)).blob());
  const found = best(probabilities(await net(scaledAndCut(photo))), 5);
  told.push(found.map(({index, probability}) => [index, probability]));
}
"""


@pytest.mark.parametrize("file", ["tflite", "onnx", "int8.tflite"])
def test_photos_have_the_classes_that_predict_tells(
    of_pixels: Path, file: str, packages: Path, tmp_path: Path
) -> None:
    place = page(of_pixels, file, tmp_path / "project", packages, [])
    photos = made_photos(place / "photos")
    (place / "photos.json").write_text(json.dumps([photo.name for photo in photos]))
    told, errors = told_over_http(place, _CLASSES)
    assert isinstance(told, list), told
    assert errors == []
    for found, here in zip(told, Bundle.load(of_pixels).open(file).predict(photos), strict=True):
        fifth = here.top()[4].probability
        assert len({index for index, _ in found}) == 5
        for index, probability in found:
            assert abs(probability - here.probabilities[index]) <= _NEAR
            # Of classes that are as probable, either may be among the five.
            assert here.probabilities[index] >= fifth - _NEAR


def test_names_are_shown_as_text_and_words_are_no_photo(
    bundle: Path, packages: Path, tmp_path: Path
) -> None:
    place = page(bundle, "tflite", tmp_path / "project", packages, [])
    (place / "index.html").rename(place / "app.html")
    (place / "index.html").write_text(_DRIVER)
    hostile = [LABELS[0]] * len(LABELS)
    (place / "labels.txt").write_text("\n".join(hostile))
    done = subprocess.run(
        ["node", "serve.mjs", "--self-test"],
        cwd=place,
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.stderr == "", "the console has no error"
    first, *classes, images, last, _ = done.stdout.split("\n")
    assert "ms a run" in first
    assert len(classes) == 5
    assert all(LABELS[0] in line for line in classes)
    assert images == "images|0"
    assert last == "This file is no photo that the browser can read.|0"


@pytest.mark.parametrize("file", ["tflite", "onnx"])
def test_a_net_may_be_loaded_again(bundle: Path, file: str, packages: Path, tmp_path: Path) -> None:
    place = page(bundle, file, tmp_path / "project", packages, [])
    assert told_over_http(place, _TWICE) == (2, [])


def test_a_file_that_litert_js_refuses_is_not_taken(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"int8.*--io uint8"):
        written(bundle, "web", "int8.tflite", tmp_path / "project")
    place = written(bundle, "web", None, tmp_path / "project")
    assert (place / "model.tflite").is_file()
