"""`edgeconv explain` as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

import edgeconv
from edgeconv.nets.load import load_net
from tests.cli.conftest import Run, left_behind

SIZE = 64
NET = "squeezenet1_1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights, a bundle made of them, and a photo."""
    place = tmp_path_factory.mktemp("explain")
    for seed, name in ((0, "w"), (1, "other")):
        net = load_net(NET, weights="random", seed=seed)
        save_file(net.module.state_dict(), place / f"{name}.safetensors")
    options = edgeconv.ExportOptions(
        int8=True,
        weights=str(place / "w.safetensors"),
        input_size=(SIZE, SIZE),
        calib_samples=8,
        formats=("tflite",),
    )
    edgeconv.export_bundle(NET, options, out=place / NET)
    array = np.random.default_rng(0).integers(0, 255, (80, 100, 3), dtype=np.uint8)
    Image.fromarray(array).save(place / "photo.png")
    return place


def words(place: Path, *more: object) -> tuple[object, ...]:
    weights = place / "w.safetensors"
    return ("explain", place / "photo.png", "--net", NET, "--weights", weights, *more)


def test_a_net_alone_gives_four_panels(run: Run, place: Path, tmp_path: Path) -> None:
    result = run(*words(place))
    assert result.code == 0, result.err
    assert left_behind(tmp_path) == [f"photo-{NET}.png"]
    with Image.open(tmp_path / f"photo-{NET}.png") as image:
        assert image.width == 8 + 4 * (224 + 8)
    assert "Grad-CAM" not in result.err
    assert "float net's first" in result.out
    assert "int8" not in result.out


def test_a_bundle_adds_the_int8_files_map_and_how_much_it_agrees(
    run: Run, place: Path, tmp_path: Path
) -> None:
    result = run(*words(place, "--bundle", place / NET, "--out", "p.png", "--json"))
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["layer"] == document["tensor"] == "classifier.2"
    assert document["layer_shape"] == [1000, 3, 3]
    assert np.shape(document["int8"]["map"]) == np.shape(document["float"]["map"]) == (3, 3)
    assert -1 <= document["rank_correlation"] <= 1
    assert document["float"]["explained"] == document["float"]["top1"]
    with Image.open(tmp_path / "p.png") as image:
        assert image.width == 8 + 6 * (SIZE * 4 + 8)
    table = run(*words(place, "--bundle", place / NET, "--out", "p.png", "--force"))
    assert "rank correlation of the maps" in table.out


def test_a_class_and_a_layer_can_be_chosen(run: Run, place: Path) -> None:
    more = ("--bundle", place / NET, "--class", 7, "--layer", "features.12", "--json")
    result = run(*words(place, *more))
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["float"]["explained"]["index"] == 7
    assert document["int8"]["explained"]["index"] == 7
    assert document["layer"] == "features.12"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--class", "1000"), 2, "the net has 0 to 999"),
        (("--class", "tabbi"), 2, "did you mean tabby"),
        (("--layer", "feature.12"), 2, "did you mean features.12"),
        (("--layer", "classifier.3"), 2, "no feature map"),
        (("--bundle", "{place}/squeezenet1_1", "--layer", "features.0"), 2, "features.1"),
        (("--bundle", "{place}/nothing"), 2, "there is no bundle"),
        (
            ("--weights", "{place}/other.safetensors", "--bundle", "{place}/squeezenet1_1"),
            2,
            "other weights",
        ),
        (("--weights", "random", "--bundle", "{place}/squeezenet1_1"), 2, "--weights FILE"),
        (("--net", "mobilenet_v2", "--bundle", "{place}/squeezenet1_1"), 2, "bundle of squeezenet"),
        (("--out", "p.jpg"), 2, ".png"),
        (("--out", "{place}/photo.png"), 2, "exists already"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_wrong_use_leaves_nothing(
    run: Run, place: Path, tmp_path: Path, more: tuple[str, ...], code: int, said: str
) -> None:
    result = run(*words(place, *(word.format(place=place) for word in more)))
    assert result.code == code, result.err
    assert said in " ".join(result.err.split())
    assert left_behind(tmp_path) == []


def test_what_is_no_photo_is_refused(run: Run, place: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    for name in ("text.png", "missing.jpg"):
        result = run("explain", name, "--net", NET, "--weights", place / "w.safetensors")
        assert result.code == 4, result.err
        assert name in result.err


def test_a_bundle_without_int8_or_without_training_is_refused(
    run: Run, place: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(place / NET, tmp_path / NET)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["weights"]["trained"] = False
    (copy / "manifest.json").write_text(json.dumps(manifest))
    result = run(*words(place, "--bundle", copy))
    assert result.code == 2
    assert "untrained" in result.err
    del manifest["files"]["model.int8.tflite"]
    (copy / "model.int8.tflite").unlink()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    result = run(*words(place, "--bundle", copy))
    assert result.code == 2
    assert "holds no model.int8.tflite" in result.err
