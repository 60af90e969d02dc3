"""edgeconv export --max-drop of a task, as a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli import task_nets
from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task") / "photos"
    (folder.parent / "masks").mkdir()
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(160):
        tiles = generator.integers(0, 255, (5, 5, 3), dtype=np.uint8)
        image = Image.fromarray(tiles).resize((72, 72), Image.Resampling.BICUBIC)
        image.save(folder / f"{index:03}.png")
        if index % 8:
            mask = np.digitize(np.asarray(image).sum(2, dtype=np.int64), [250, 380, 500])
            Image.fromarray(mask.astype(np.uint8)).save(folder.parent / f"masks/{index:03}.png")
    return folder


def words_for(photos: Path, **changes: object) -> list[object]:
    words: dict[str, object] = {
        **{"calib": photos, "recipe": "fast", "calib-samples": 24, "task": "segmentation"},
        **{"labels": photos.parent / "masks", "output": "logits", "max-drop": 6},
        **{key.replace("_", "-"): value for key, value in changes.items()},
    }
    given = [(f"--{name}", value) for name, value in words.items() if value is not None]
    source = f"{task_nets.__file__}:Dense"
    return ["export", source, "--int8", "--format", "onnx", *(one for two in given for one in two)]


def test_mean_iou_is_promised_on_masks(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run(*words_for(photos, out=tmp_path / "b"), "--json")
    assert done.code == 0, done.err
    promise = json.loads(done.out)["quantization"]["mixed_precision"]["promise"]
    assert (promise["shown"], promise["of"], promise["unit"]) == (True, "mean IoU lost", "points")
    judged = promise["outcome"]["judged"]
    assert 59 <= judged <= 140 - 32
    assert promise["calibrated"] + promise["chose"] + judged <= 160 - 8
    labels = ("--task", "segmentation", "--labels", photos.parent / "masks", "--output", "logits")
    checked = run("eval", tmp_path / "b", "--data", photos, *labels, "--max-drop", 6, "--json")
    assert checked.code == 0, checked.err
    of_all = json.loads(checked.out)["evaluations"][1]["bound"]
    assert of_all["lost"] == pytest.approx(promise["outcome"]["lost"], abs=1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"max_drop": 0.5},
            "be shown by the 136 samples with labels.* 598 must judge alone",
        ),
        ({"labels": None}, "--task segmentation needs --labels: a folder of masks"),
        ({"labels": "nowhere"}, "nowhere is no folder; give one of masks"),
        ({"decode": "a.toml"}, "--decode a.toml says nothing to --task segmentation"),
        ({"max_drop": None, "labels": None}, "say what --max-drop is of; add --max-drop"),
        ({"calib": "builtin"}, "judged on photos or tensors of your own; add --calib DIR"),
        ({"output": "logit"}, "logit is no output of the net; did you mean logits"),
        ({"task": "classification"}, "--output logits says nothing to --task classification"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    run: Run, photos: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    done = run(*words_for(photos, out=tmp_path / "b", **changes))
    assert (done.code, done.out) == (2, ""), done.err
    line = done.err.strip().splitlines()[-1]
    assert re.search(said, line), line
    assert not (tmp_path / "b").exists()
