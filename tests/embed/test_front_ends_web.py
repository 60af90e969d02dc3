"""What the manifest says opens a file, tried with that itself in headless Chromium."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.data.stated import Stated
from edgeconv.embed.golden import Fed
from edgeconv.export.front_ends import FrontEndName
from edgeconv.quantize.plan.precision import PRECISION_NAMES
from edgeconv.runtime.adapt import dequantize
from tests.embed.conftest import LABELS, PACKAGES, Small, installed
from tests.helpers.browser import needs_chromium
from tests.helpers.served import told_over_http

pytestmark = needs_chromium
_TASKS_VISION = "@mediapipe/tasks-vision@1.1.0"

#: Opens each file by what it is to be opened with, and runs it once: {gave} or {thrown}.
_OPENED = """
const jobs = await (await fetch('jobs.json')).json();
const lite = await import('@litertjs/core');
const ort = await import('onnxruntime-web');
const {FilesetResolver, ImageClassifier} = await import('@mediapipe/tasks-vision');
await lite.loadLiteRt('./node_modules/@litertjs/core/wasm/');
ort.env.wasm.wasmPaths = new URL('./node_modules/onnxruntime-web/dist/', location).href;
ort.env.wasm.numThreads = 1;
const wasm = await FilesetResolver.forVisionTasks('./node_modules/@mediapipe/tasks-vision/wasm');
const KINDS = {float32: Float32Array, uint8: Uint8Array, int8: Int8Array};
const buffer = async (name) => (await fetch(name)).arrayBuffer();
const fed = async ({type, input}) => new KINDS[type](await buffer(input));
const RUNS = {
  'litert-js': async (job) => {
    const model = await lite.loadAndCompile(job.model, {accelerator: 'wasm'});
    const [output] = await model.run(new lite.Tensor(await fed(job), job.shape));
    return Array.from(output.toTypedArray());
  },
  'onnxruntime-web': async (job) => {
    const session = await ort.InferenceSession.create(job.model, {executionProviders: ['wasm']});
    const input = new ort.Tensor(job.type, await fed(job), job.shape);
    const given = await session.run({[session.inputNames[0]]: input});
    return Array.from(given[session.outputNames[0]].data);
  },
  mediapipe: async ({model, pixels, size: [height, width]}) => {
    const options = {baseOptions: {modelAssetPath: model}};
    const classifier = await ImageClassifier.createFromOptions(wasm, options);
    const rgb = new Uint8Array(await buffer(pixels));
    const image = new ImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      image.data.set([rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], 255], 4 * i);
    }
    const [head] = classifier.classify(image).classifications;
    return head.categories.map((one) => [one.index, one.categoryName, one.score]);
  },
};
told = [];
for (const job of jobs) {
  try {
    told.push({gave: await RUNS[job.by](job)});
  } catch (error) {
    told.push({thrown: String(error)});
  }
}
"""
_OF_TFLITE: tuple[FrontEndName, ...] = ("litert-js", "mediapipe")


class Kept(Small):
    """Whose classes lie along one axis of four."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[:, :, None, None]


@dataclass(frozen=True)
class Opened:
    """A file in a front end: what the manifest says, what it did, what its engine makes of it."""

    name: str
    by: FrontEndName
    is_said_to_open: bool
    told: dict[str, Any]
    expected: np.ndarray
    reals: np.ndarray
    labels: tuple[str, ...] | None


def jobs_of(bundle: Bundle, place: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(what the page is told, what it is held against) of each file and what may open it."""
    root = place / bundle.directory.name
    root.symlink_to(bundle.directory)
    golden = json.loads((root / "golden" / "golden.json").read_text("utf-8"))
    seen = next(case["pixels"] for case in golden["cases"] if case["photo"] == "chelsea.png")
    pixels = root / "golden" / seen["file"]
    values = np.fromfile(pixels, np.uint8).reshape(seen["shape"])
    jobs = []
    for name, said in bundle.manifest["artifacts"].items():
        session = bundle.open(name).session
        (taken,) = session.inputs
        content = Fed(name, bundle.preprocessing, taken, session.engine).tensor(values)
        path = place / f"{root.name}.{name}.bin"
        path.write_bytes(content)
        (output,) = session.run([np.frombuffer(content, taken.dtype).reshape(taken.shape)])
        task = {
            "model": f"{root.name}/model.{name}",
            "input": path.name,
            "type": taken.dtype.name,
            "shape": taken.shape,
            "pixels": str(pixels.relative_to(place)),
            "size": seen["shape"][:2],
        }
        against = {
            "name": f"{root.name} {name}",
            "expected": output.ravel().astype(float),
            "reals": dequantize(output, session.outputs[0]).ravel(),
            "labels": bundle.labels,
        }
        for by in _OF_TFLITE if name.endswith("tflite") else ("onnxruntime-web",):
            opens = by in said["opens_in"]
            assert opens != (by in said["does_not_open_in"])
            jobs.append(({**task, "by": by}, {**against, "by": by, "is_said_to_open": opens}))
    return jobs


@pytest.fixture(scope="module")
def opened(bundle: Path, of_pixels: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Opened]:
    """Every file of bundles with all kinds of ends and precisions, by one browser."""
    place = tmp_path_factory.mktemp("opened")
    engines = (name for name in PACKAGES if not name.startswith("kotlin"))
    installed((*engines, _TASKS_VISION), place)
    torch.manual_seed(5)
    nameless = (*LABELS[:-2], "", "")
    stated = Stated((0.5,) * 3, (0.25,) * 3, 52, "bilinear", nameless)
    quick = {"recipe": "fast", "calib_samples": 8, "io": "float32", "stated": stated}
    made = {
        "floats": (Small(), {"precisions": PRECISION_NAMES, "softmax": True}),
        "kept": (Kept(), {"int8": True, "formats": ("tflite",)}),
    }
    found = [Bundle.load(bundle), Bundle.load(of_pixels)]
    for name, (net, more) in made.items():
        options = edgeconv.ExportOptions(**quick, **more)
        found.append(edgeconv.export_bundle(net, options, out=place / "bundles" / name))
    jobs = [job for one in found for job in jobs_of(one, place)]
    (place / "jobs.json").write_text(json.dumps([task for task, _ in jobs]))
    told, errors = told_over_http(place, _OPENED)
    assert isinstance(told, list), told
    assert errors == []
    return [Opened(told=each, **against) for each, (_, against) in zip(told, jobs, strict=True)]


def test_what_opens_a_file_is_told_in_both_directions(opened: list[Opened]) -> None:
    for one in opened:
        assert ("gave" in one.told) == one.is_said_to_open, one
    for by in ("litert-js", "mediapipe"):
        assert {one.is_said_to_open for one in opened if one.by == by} == {True, False}


def test_engines_in_a_browser_give_what_they_give_here(opened: list[Opened]) -> None:
    tried = [one for one in opened if one.by != "mediapipe" and one.is_said_to_open]
    assert len(tried) >= 2 * len(PRECISION_NAMES)
    for one in tried:
        # onnxruntime's integer kernels round otherwise from one build to another.
        share = 0.1 if one.name.endswith("int8.onnx") else 1e-3
        error = np.abs(np.array(one.told["gave"]) - one.expected).max()
        assert error <= share * np.abs(one.expected).max(), one


def test_mediapipe_gives_the_files_own_classes(opened: list[Opened]) -> None:
    tried = [one for one in opened if one.by == "mediapipe" and one.is_said_to_open]
    assert {one.name for one in tried} >= {"pixels int8.tflite", "pixels tflite", "kept tflite"}
    for one in tried:
        classes = one.told["gave"]
        assert sorted(index for index, _, _ in classes) == list(range(len(LABELS)))
        allowed = 1e-3 * np.abs(one.reals).max()
        for index, label, score in classes:
            assert abs(score - one.reals[index]) <= allowed
            assert label == (one.labels[index] or f"class {index}")
        if not one.name.startswith("kept"):
            assert sum(score for _, _, score in classes) == pytest.approx(1, abs=1e-3)
