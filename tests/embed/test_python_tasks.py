"""The Python projects of detectors and segmenters."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.data.stated import Stated
from edgeconv.embed import check
from edgeconv.errors import UsageError
from edgeconv.verify.tasks.nms import kept_boxes
from tests.embed.projects import written
from tests.embed.test_python import ALONE, alone

SIZE = (40, 48)


class Detector(nn.Module):
    """Boxes and scores of 20 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.input_shapes = {"x": (3, *SIZE)}
        self.stem = nn.Conv2d(3, 8, 8, 8, padding=4)
        self.boxes = nn.Conv2d(8, 4, 1)
        self.scores = nn.Conv2d(8, 3, 1)
        self.scores.bias.data[0] -= 1  # there is always something

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = torch.relu(self.stem(x))
        corner, size = self.boxes(x).flatten(2).transpose(1, 2).sigmoid().split(2, -1)
        boxes = torch.cat([24 * corner, 24 * corner + 16 * size], -1)
        return {
            "boxes": boxes,
            "scores": (30 * self.scores(x)).flatten(2).transpose(1, 2).softmax(-1),
        }


class Segmenter(nn.Module):
    """Five classes on a map of a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.input_shapes = {"x": (3, *SIZE)}
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.last = nn.Conv2d(8, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 9 * self.last(torch.relu(self.stem(x)))


def export(module: nn.Module, out: Path, resize: int | str = 52) -> Path:
    stated = Stated((0.4, 0.5, 0.6), (0.2, 0.3, 0.4), resize, "bilinear", None)
    options = edgeconv.ExportOptions(int8=True, recipe="fast", stated=stated, calib_samples=8)
    return edgeconv.export_bundle(module, options, out=out).directory


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    return export(Detector(), tmp_path_factory.mktemp("tasks") / "detector", "stretch")


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    return export(Segmenter(), tmp_path_factory.mktemp("tasks") / "segmenter")


@pytest.mark.parametrize("file", ["int8.tflite", "tflite", "int8.onnx", "onnx"])
@pytest.mark.parametrize("what", ["detector", "segmenter"])
def test_it_gives_the_bundles_outputs_without_edgeconv(request, what, file, tmp_path: Path) -> None:
    bundle = request.getfixturevalue(what)
    place = written(bundle, "python", file, tmp_path / "project")
    (main,) = place.glob("*.py")
    program = ALONE.replace("classify.py", main.name)
    tested = alone(program, place, "--self-test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert tested.stdout.count("\tok\t") == 4 * 3
    assert all(check.check(place, "python").steps.values())
    assert len(main.read_text().splitlines()) < 300
    photo = next(bundle.glob("golden/*.jpg"))
    told = alone(program, place, photo, "--out", tmp_path)
    assert told.returncode == 0, told.stderr
    (picture,) = tmp_path.glob("*.png")
    assert Image.open(picture).size == (
        Image.open(photo).size if what == "detector" else (SIZE[1], SIZE[0])
    )


@pytest.mark.parametrize("what", ["detector", "segmenter"])
def test_a_project_of_another_file_fails_its_own_test(request, what, tmp_path: Path) -> None:
    bundle = request.getfixturevalue(what)
    place = written(bundle, "python", "tflite", tmp_path / "project")
    for noted in place.glob("golden/*.0.npy"):
        array = np.load(noted)
        np.save(noted, array[::-1].copy() if array.ndim == 2 else array)
    steps = check.check(place, "python").steps
    assert not steps["inference"]
    assert steps["decoding"]


def code(bundle: Path, tmp_path: Path) -> dict[str, Any]:
    place = written(bundle, "python", "tflite", tmp_path / "project")
    (main,) = place.glob("*.py")
    return runpy.run_path(str(main))


def test_boxes_are_suppressed_as_by_onnxruntime(detector: Path, tmp_path: Path) -> None:
    found_by = code(detector, tmp_path)["things"]
    rng = np.random.default_rng(0)
    for _ in range(20):
        corners = rng.uniform(0, 40, (60, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(0, 20, (60, 2))], 1)
        boxes = boxes.astype(np.float32).astype(np.float64)
        scores = rng.uniform(0, 1, (60, 4)).astype(np.float32).astype(np.float64)
        kept = kept_boxes(boxes, scores.T[1:], iou=0.55, least_score=0.3, most=60)
        expected = {(int(c) + 1, float(scores[b, c + 1]), tuple(boxes[b])) for c, b in kept}
        best = sorted(expected, key=lambda one: -one[1])[:100]
        assert [(i, s, tuple(b)) for i, s, b in found_by(boxes, scores)] == best


@pytest.mark.parametrize("resize", ["stretch", 52])
def test_boxes_come_back_to_the_photo(resize, tmp_path: Path) -> None:
    torch.manual_seed(3)
    made = code(export(Detector(), tmp_path / "bundle", resize), tmp_path)
    for size in ((300, 200), (90, 410), (48, 40)):
        marked = np.zeros((size[1], size[0], 3), np.uint8)
        left, top = size[0] // 2 - size[0] // 16, size[1] // 2 - size[1] // 16
        right, bottom = left + size[0] // 8, top + size[1] // 8
        marked[top:bottom, left:right] = 255
        photo = Image.fromarray(marked)
        seen = made["scaled_and_cut"](photo)[..., 0] > 127
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
        pixel = max(size[0] / SIZE[1], size[1] / SIZE[0])
        found = made["on_photo"](box, photo)
        assert np.abs(np.array(found) - (left, top, right, bottom)).max() <= 1.2 * pixel


def test_other_nets_and_platforms_are_refused(detector, segmenter, tmp_path: Path) -> None:
    for bundle in (detector, segmenter):
        for kind in ("c", "kotlin"):
            with pytest.raises(UsageError, match="make one for web or python"):
                written(bundle, kind, "tflite", tmp_path / kind)

    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input_shapes = {"x": (3, *SIZE)}
            self.last = nn.Conv2d(3, 4, 8, 8)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            x = self.last(x)
            return {"maps": x, "peaks": x.flatten(2)}

    with pytest.raises(UsageError, match=r"gives maps float32 \[1, 5, 6, 4\], peaks"):
        written(export(Other(), tmp_path / "other"), "python", "tflite", tmp_path / "project")


def test_truth_values_are_no_classes(tmp_path: Path) -> None:
    class Above(Segmenter):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).mean((2, 3)) > 0

    with pytest.raises(UsageError, match=r"gives logits bool \[1, 5\]; projects are made for"):
        written(export(Above(), tmp_path / "above"), "python", "tflite", tmp_path / "project")


def test_what_the_files_give_is_what_the_project_noted(segmenter: Path, tmp_path: Path) -> None:
    """The noted classes are PyTorch's own, not the file's word alone."""
    place = written(segmenter, "python", "tflite", tmp_path / "project")
    torch.manual_seed(3)
    net = Segmenter().eval()
    golden = json.loads((segmenter / "golden" / "golden.json").read_text())
    opened = Bundle.load(segmenter)
    for case in golden["cases"]:
        pixels = np.fromfile(place / "golden" / f"{case['photo']}.pixels", np.uint8)
        unit = torch.from_numpy(pixels.reshape(*SIZE, 3).astype(np.float32) / 255)
        pre = opened.preprocessing
        x = ((unit - torch.tensor(pre.mean)) / torch.tensor(pre.std)).permute(2, 0, 1)[None]
        with torch.no_grad():
            expected = net(x.float())[0].argmax(0).numpy()
        noted = np.load(place / "golden" / f"{case['photo']}.0.npy")
        assert (noted != expected).mean() < 0.01
