"""Nets of other inputs than photos on the command line: what works on their bundles, what not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

import edgeconv
from edgeconv.export.options import ExportOptions
from tests.cli.conftest import Run, left_behind
from tests.helpers import input_nets
from tests.helpers.input_nets import CLASSES, TwoImages, folder_of, samples

TARGET = f"{input_nets.__file__}:TwoImages"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a net of two images, and a folder `labelled` with what PyTorch answers."""
    place = tmp_path_factory.mktemp("two")
    module, given = TwoImages().eval(), samples(TwoImages.input_shapes)
    with torch.no_grad():
        rows = [module(**{n: torch.from_numpy(a)[None] for n, a in s.items()}) for s in given]
    right = [int(row.argmax()) for row in rows]
    folder_of(
        place / "labelled",
        TwoImages.input_shapes,
        label=lambda i: right[i] if i < 12 else (right[i] + 1) % CLASSES,
    )
    options = ExportOptions(int8=True, recipe="fast", calib=place / "labelled")
    edgeconv.export_bundle(TARGET, options, out=place / "bundle")
    return place


def test_labels_beside_the_inputs_give_top1(run: Run, two: Path) -> None:
    done = run("eval", two / "bundle", "--data", two / "labelled", "--json")
    assert done.code == 0, done.err
    told = {one["artifact"]: one["comparison"] for one in json.loads(done.out)["evaluations"]}
    assert told["onnx"]["candidate"]["top1"]["value"] == 12 / 16
    assert told["int8.tflite"]["agreement"]["value"] > 0.9


def test_without_labels_eval_tells_the_agreement_with_float(run: Run, two: Path) -> None:
    folder = folder_of(two / "plain", TwoImages.input_shapes, unlike=lambda _: 0)
    done = run("eval", two / "bundle", "--data", folder)
    assert done.code == 4
    assert "it holds 'a, b, unlike', and the net takes" in done.err
    for path in folder.iterdir():
        with np.load(path) as held:
            arrays = {name: held[name] for name in ("a", "b")}
        np.savez(path, **arrays)
    done = run("eval", two / "bundle", "--data", folder)
    assert done.code == 0, done.err
    assert "as in float" in done.out


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx"])
def test_a_file_of_any_tool_is_fed_as_it_lies(run: Run, two: Path, name: str) -> None:
    alone = two / f"alone{Path(name).suffix}"
    shutil.copy(two / "bundle" / name, alone)
    folder = two / f"for_{name}"
    folder.mkdir(exist_ok=True)
    turned = (1, 2, 0) if name.endswith("tflite") else (0, 1, 2)
    for path in (two / "labelled").iterdir():
        with np.load(path) as held:
            fed = {n: held[n].transpose(turned) for n in ("a", "b")}
            np.savez(folder / path.name, label=held["label"], **fed)
    done = run("eval", alone, "--data", folder, "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["evaluations"]
    assert found["comparison"]["candidate"]["top1"]["value"] == 12 / 16


@pytest.mark.parametrize("verb", ["parity", "diagnose"])
def test_what_walks_through_a_bundle_walks_through_this_one(run: Run, two: Path, verb: str) -> None:
    done = run(verb, two / "bundle")
    assert done.code == 0, done.err


@pytest.mark.parametrize("words", [("audit",), ("inspect",), ("bench", "--runs", 2)])
def test_what_takes_a_file_takes_one_of_two_inputs(run: Run, two: Path, words: tuple) -> None:
    extra = ("--processes", 1) if words[0] == "bench" else ()
    done = run(*words, *extra, two / "bundle" / "model.int8.tflite")
    assert done.code == 0, done.err


@pytest.fixture
def folders(tmp_path: Path, two: Path) -> Path:
    """Folders that do not fit."""
    shapes = TwoImages.input_shapes
    folder_of(tmp_path / "of_others", {"left": (3, 32, 32), "right": (3, 16, 16)})
    folder_of(tmp_path / "of_shapes", {**shapes, "b": (3, 16, 17)})
    for name in ("photos", "pickled", "objects", "nan"):
        (tmp_path / name).mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "photos" / "a.png")
    (tmp_path / "pickled" / "a.npz").write_bytes(b"\x80\x04N.")
    whole = samples(shapes)[0]
    np.savez(tmp_path / "objects" / "a.npz", a=np.array([None]), b=whole["b"], allow_pickle=True)
    np.savez(tmp_path / "nan" / "a.npz", a=whole["a"] * np.float32("nan"), b=whole["b"])
    return tmp_path


REFUSED = [
    ((), 2, "edgeconv invents no data: give --calib DIR of .npy or .npz files"),
    (("--calib", "of_others"), 4, "it holds 'left, right', and the net takes a (3, 32, 32), b"),
    (("--calib", "of_shapes"), 4, "b is of shape (3, 16, 17); the net takes (3, 16, 16)"),
    (("--calib", "photos"), 2, "nothing says how a photo becomes what"),
    (("--calib", "pickled"), 4, "the archive is damaged"),
    (("--calib", "objects"), 4, "a has a header of another kind than arrays of numbers"),
    (("--calib", "nan"), 4, "a holds NaN or infinity"),
    (("--calib", "labelled", "--io", "uint8", "--int8"), 2, "--io uint8 takes the pixels"),
    (("--calib", "labelled", "--input-size", "32"), 2, "leave --input-size out"),
    (
        ("--calib", "labelled", "--mean", "0", "--std", "1", "--resize", "32"),
        2,
        "which is no single image",
    ),
]


@pytest.mark.parametrize(("words", "code", "said"), REFUSED)
def test_what_does_not_fit_is_one_line(
    run: Run, folders: Path, two: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (folders / "labelled").symlink_to(two / "labelled")
    before = left_behind(folders)
    done = run("export", TARGET, *words)
    assert done.code == code, done.err
    (line,) = [one for one in done.err.splitlines() if one.startswith("error: ")]
    assert said in line
    assert left_behind(folders) == before


@pytest.mark.parametrize(
    ("folder", "code", "said"),
    [
        ("of_others", 4, "it holds 'left, right', and the net takes"),
        ("photos", 2, "give a folder of .npy or .npz files, one sample a file, or export it with"),
        ("nan", 4, "a holds NaN or infinity"),
    ],
)
def test_eval_names_what_does_not_fit(
    run: Run, folders: Path, two: Path, folder: str, code: int, said: str
) -> None:
    done = run("eval", two / "bundle", "--data", folders / folder, "--task", "agreement")
    assert done.code == code
    assert said in done.err


def test_explain_needs_photos(run: Run, folders: Path, two: Path) -> None:
    words = ("--net", TARGET, "--bundle", two / "bundle")
    done = run("explain", folders / "photos" / "a.png", *words)
    assert done.code == 2
    assert "--mean, --std and --resize" in done.err


def test_a_bundle_of_an_earlier_form_asks_for_another_export(
    run: Run, two: Path, tmp_path: Path
) -> None:
    shutil.copytree(two / "bundle", tmp_path / "old")
    path = tmp_path / "old" / "manifest.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "format": document["format"] - 1}))
    done = run("parity", "old")
    assert done.code == 4
    assert "export the net again" in done.err


def test_tensors_are_called_samples_and_photos_are_asked_of_none_of_them(
    run: Run, two: Path
) -> None:
    shown = run("eval", two / "bundle", "--data", two / "labelled")
    assert "16 samples; agreement and drop are against onnx" in shown.out
    assert "photo" not in shown.out + shown.err
    words = ("--task", "segmentation", "--labels", two)
    done = run("eval", two / "bundle", "--data", two / "labelled", *words)
    assert (done.code, done.out) == (2, "")
    assert "nothing says how a photo becomes what onnx takes (a (3, 32, 32)" in done.err
    (two / "one.csv").write_text("file,x\n00.npz,1\n")
    words = ("--task", "regression", "--labels", two / "one.csv")
    done = run("eval", two / "bundle", "--data", two / "labelled", *words)
    assert done.code == 2
    assert "numbers for a sample, and the labels have 1 beside the column file" in done.err


def test_what_no_option_mends_is_told_before_options_are_asked_for(
    run: Run, two: Path, tmp_path: Path
) -> None:
    node = helper.make_node("Mine", ["x"], ["y"], domain="com.acme")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.acme", 1)]
    graph = helper.make_graph([node], "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=opsets), tmp_path / "custom.onnx")
    done = run("export", tmp_path / "custom.onnx")
    assert done.code == 4
    assert "operators that are not ONNX's own: com.acme.Mine (y)" in done.err
    done = run("export", two / "bundle/model.int8.onnx")
    assert done.code == 4
    assert "is quantized already" in done.err
