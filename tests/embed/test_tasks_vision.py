"""MediaPipe's tasks-vision in Chromium opens the files that are made for MediaPipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeconv.export.front_ends import OPTIONS_FOR
from tests.embed.conftest import LABELS, export, installed
from tests.embed.projects import written

PACKAGE = "@mediapipe/tasks-vision@1.1.0"
pytestmark = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="chromium is not installed"
)
#: Classifies the pixels of golden photos: [[[index, name, score], ...], ...] for each file.
_PAGE = """<!doctype html><script type="module">
const told = {};
try {
  const place = './node_modules/@mediapipe/tasks-vision';
  const {FilesetResolver, ImageClassifier} = await import(`${place}/vision_bundle.mjs`);
  const engine = await FilesetResolver.forVisionTasks(`${place}/wasm`);
  const {cases} = await (await fetch('bundle/golden/golden.json')).json();
  for (const name of ['tflite', 'int8.tflite']) {
    const baseOptions = {modelAssetPath: `bundle/model.${name}`, delegate: 'CPU'};
    const net = await ImageClassifier.createFromOptions(engine, {baseOptions, maxResults: 5});
    told[name] = [];
    for (const {pixels: {file, shape: [height, width]}} of cases) {
      const pixels = new Uint8Array(await (await fetch(`bundle/golden/${file}`)).arrayBuffer());
      const photo = new ImageData(width, height);
      for (let i = 0; i < width * height; i++)
        photo.data.set([pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2], 255], 4 * i);
      const [{categories}] = net.classify(photo).classifications;
      told[name].push(categories.map((one) => [one.index, one.categoryName, one.score]));
    }
  }
} catch (error) {
  told.error = String(error);
}
await fetch('results', {method: 'POST', body: 'FOUND' + JSON.stringify(told)});
</script>"""


def test_tasks_vision_gives_the_files_own_classes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    packages = installed((PACKAGE,), tmp_path_factory.mktemp("npm"))
    bundle = export(tmp_path / "bundle", front_end="mediapipe", **OPTIONS_FOR["mediapipe"])
    place = written(bundle, "web", "tflite", tmp_path / "project")
    (place / "bundle").symlink_to(bundle)
    (place / "node_modules").symlink_to(packages)
    (place / "index.html").write_text(_PAGE)
    command = ["node", "serve.mjs", "--self-test"]
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, env=os.environ, check=False
    )
    found = json.loads(done.stdout.partition("FOUND")[2])
    assert "error" not in found
    for name, answers in found.items():
        cases = json.loads((bundle / "golden" / "golden.json").read_text("utf-8"))["cases"]
        for case, classes in zip(cases, answers, strict=True):
            expected = case["artifacts"][name]["top5"]
            scores = [score for _, _, score in classes]
            assert scores == pytest.approx([each["probability"] for each in expected], abs=1e-3)
            assert all(label == LABELS[index] for index, label, _ in classes)
