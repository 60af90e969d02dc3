"""edgeconv eval in tasks that are no classification, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeconv.data.builtin import FOLDER
from edgeconv.data.decode import load_pixels
from edgeconv.export.bundle.bundle import Bundle
from edgeconv.runtime.open import open_session
from tests.cli.conftest import Run
from tests.cli.task_nets import bundle_of

#: Of ten photographs that come with edgeconv.
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".png", ".jpg"))[:10]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in NAMES:
        (folder / name).symlink_to(FOLDER / name)
    return folder


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("Heads", tmp_path_factory.mktemp("heads"))


def _outputs(bundle: Path, artifact: str, photos: Path) -> dict[str, np.ndarray]:
    """By the engine alone: what an ONNX file gives for each photo."""
    held = Bundle.load(bundle)
    session = open_session(held.artifacts[artifact])
    pre = held.preprocessing
    rows = []
    for name in NAMES:
        pixels = load_pixels(photos / name, pre).astype(np.float32) / 255
        x = ((pixels - np.float32(pre.mean)) / np.float32(pre.std)).transpose(2, 0, 1)[None]
        rows.append(session.run([x.astype(np.float32)]))
    names = [spec.name for spec in session.outputs]
    return {n: np.concatenate([row[i] for row in rows]) for i, n in enumerate(names)}


def test_a_net_without_labels_is_judged_by_its_agreement_with_float(
    run: Run, photos: Path, heads: Path
) -> None:
    done = run("eval", heads, "--data", photos, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["task"], told["photos"], told["reference"]) == ("agreement", 10, "onnx")
    found = {
        (file["artifact"], figure["of"], figure["name"]): figure["estimate"]
        for file in told["evaluations"]
        for figure in file["figures"]
    }
    exact, rounded = (_outputs(heads, name, photos) for name in ("onnx", "int8.onnx"))
    for output in ("map", "scores"):
        noise = np.square(exact[output].astype(np.float64) - rounded[output]).sum()
        sqnr_db = 10 * np.log10(np.square(exact[output].astype(np.float64)).sum() / noise)
        shown = found["int8.onnx", output, "SQNR"]
        assert shown["value"] == pytest.approx(sqnr_db, abs=1e-6)
        assert shown["low"] <= shown["value"] <= shown["high"]
    same = (exact["scores"].argmax(1) == rounded["scores"].argmax(1)).mean()
    assert found["int8.onnx", "scores", "top-1 as in float"]["value"] == same
    equal = (exact["best"] == rounded["best"]).mean()
    assert found["int8.onnx", "best", "values as in float"]["value"] == pytest.approx(equal)
    assert found["tflite", "best", "values as in float"]["value"] > 0.99
    assert found["tflite", "map", "SQNR"]["value"] > 90
    assert "10 photos; against onnx" in run("eval", heads, "--data", photos).out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--task", "classification"), 4, "it is no classifier"),
        (("--labels", "a.csv"), 2, "agreement with float has no labels; name their --task"),
        (("--task", "chess"), 2, "'chess' is not one of"),
    ],
)
def test_options_of_another_task(
    run: Run, photos: Path, heads: Path, words: tuple[object, ...], code: int, said: str
) -> None:
    done = run("eval", heads, "--data", photos, *words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in " ".join(done.err.split())


def test_a_file_without_a_float_file_beside_it_has_nothing_to_agree_with(
    run: Run, photos: Path, heads: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes((heads / "model.onnx").read_bytes())
    done = run("eval", alone, "--data", photos, "--task", "agreement")
    assert done.code == 2
    assert "no float file beside it" in done.err
