"""Wrong input to `export`: a clear message, the documented exit code, nothing left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from edgeconv.nets.load import load_net
from tests.cli.conftest import Run, left_behind

NET = ("export", "squeezenet1_1", "--input-size", 64)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of SqueezeNet 1.1 in a file, so that an export needs no network."""
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.safetensors"
    save_file(load_net("squeezenet1_1", weights="random").module.state_dict(), path)
    return path


@pytest.mark.parametrize("verb", ["export", "inspect"])
def test_an_unknown_net_is_refused_before_pytorch_is_started(verb: str) -> None:
    code = (
        "import sys; from edgeconv.cli.main import app\n"
        f"sys.argv = ['edgeconv', '{verb}', 'mobilnet_v2']\n"
        "from edgeconv.errors import UnknownName\n"
        "try: app(standalone_mode=False)\n"
        "except UnknownName: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False"], done.stderr


def test_an_unknown_net_suggests_near_ones(run: Run, tmp_path: Path) -> None:
    result = run("export", "mobilenet_v9")
    assert result.code == 2
    assert "mobilenet_v9 is no net; did you mean mobilenet_v" in result.err
    assert "edgeconv list" in result.err
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("word", ["squeeze", "-3", "2.5", "9" * 5000, "٣"])
def test_a_resize_that_is_no_number_of_pixels_says_what_may_stand_there(
    run: Run, tmp_path: Path, word: str
) -> None:
    result = run("export", "resnet18", f"--resize={word}")
    assert result.code == 2
    assert "--resize" in result.err
    assert "no number of pixels, such as 256, nor stretch" in result.err
    assert left_behind(tmp_path) == []


def test_weights_of_another_net_name_the_first_wrong_keys(
    run: Run, tmp_path: Path, weights: Path
) -> None:
    result = run("export", "resnet18", "--weights", weights)
    assert result.code == 4
    assert "conv1.weight" in result.err
    assert left_behind(tmp_path) == []


def test_truncated_weights(run: Run, tmp_path: Path, weights: Path) -> None:
    broken = tmp_path / "w" / "cut.safetensors"
    broken.parent.mkdir()
    broken.write_bytes(weights.read_bytes()[:100_000])
    result = run(*NET, "--weights", broken, "--out", "b")
    assert result.code == 4
    assert "cut.safetensors" in result.err
    assert left_behind(tmp_path) == ["w"]


class Attack:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch pwned",)


def test_weights_that_carry_code_are_not_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"state": Attack()}))
    torch.save({"features.0.weight": Attack()}, tmp_path / "evil.pt")
    for name in ("evil.pth", "evil.pt"):
        result = run(*NET, "--weights", name, "--out", "b")
        assert result.code == 4
        assert name in result.err
    assert left_behind(tmp_path) == ["evil.pt", "evil.pth"]


def test_weights_that_hold_nan_name_the_tensor(run: Run, tmp_path: Path) -> None:
    state = load_net("squeezenet1_1", weights="random").module.state_dict()
    state["features.3.squeeze.weight"][0, 0, 0, 0] = float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    result = run(*NET, "--weights", "nan.safetensors", "--out", "b")
    assert result.code == 4
    assert "features.3.squeeze.weight" in result.err
    assert left_behind(tmp_path) == ["nan.safetensors"]


def test_a_missing_weights_file(run: Run, tmp_path: Path) -> None:
    result = run(*NET, "--weights", "nowhere.safetensors")
    assert result.code in (2, 3)
    assert "nowhere.safetensors" in result.err
    assert left_behind(tmp_path) == []


def photo(path: Path, mode: str = "RGB", size: tuple[int, int] = (80, 80)) -> Path:
    path.parent.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65535, size[::-1], dtype=np.uint16))
    else:
        image = Image.fromarray(rng.integers(0, 255, (*size[::-1], 3), dtype=np.uint8))
        image = image.convert(mode)
    image.save(path)
    return path


@pytest.mark.parametrize("case", ["empty", "missing", "text", "truncated", "wide"])
def test_a_calibration_folder_that_cannot_be_used(
    run: Run, tmp_path: Path, weights: Path, case: str
) -> None:
    folder = tmp_path / "calib"
    expected = {"empty": 2, "missing": 2, "text": 4, "truncated": 4, "wide": 4}[case]
    if case != "missing":
        folder.mkdir()
    if case == "text":
        (folder / "note.jpg").write_text("I am no photo")
    if case == "truncated":
        whole = photo(folder / "cut.jpg", size=(400, 400)).read_bytes()
        (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    if case == "wide":
        Image.new("L", (30_000, 10_000)).save(folder / "wide.png")
    before = left_behind(tmp_path)
    result = run(*NET, "--int8", "--weights", weights, "--calib", folder, "--out", "b")
    assert result.code == expected, result.err
    assert "Traceback" not in result.err
    named = {"text": "note.jpg", "truncated": "cut.jpg", "wide": "wide.png"}.get(case, "calib")
    assert named in result.err
    assert left_behind(tmp_path) == before


def test_photos_of_every_mode_calibrate(run: Run, tmp_path: Path, weights: Path) -> None:
    folder = tmp_path / "calib"
    for name, mode in (("a.png", "I;16"), ("b.png", "L"), ("c.jpg", "CMYK"), ("d.png", "RGBA")):
        photo(folder / name, mode)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    with Image.open(photo(folder / "e.jpg")) as upright:
        upright.save(folder / "e.jpg", exif=exif)
    result = run(*NET, "--int8", "--weights", weights, "--calib", folder, "--out", "b")
    assert result.code in (0, 1), result.err
    assert (tmp_path / "b" / "model.int8.tflite").is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_directory_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    result = run(*NET, "--weights", "random", "--out", "locked/b")
    assert result.code == 3
    assert "locked" in result.err


def test_an_output_below_a_file_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(*NET, "--weights", "random", "--out", "file/b")
    assert result.code == 3
    assert "not a writable directory" in result.err


def test_a_bundle_that_exists_needs_force(run: Run, tmp_path: Path, weights: Path) -> None:
    words = (*NET, "--weights", weights, "--out", "b", "--format", "onnx")
    assert run(*words).code == 0
    before = (tmp_path / "b" / "manifest.json").read_bytes()
    again = run(*words)
    assert again.code == 2
    assert "--force" in again.err
    assert run(*words, "--force").code == 0
    assert (tmp_path / "b" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--input-size", 4), "at least"),
        (("--input-size", "large"), "no size"),
        (("--input-size", "0x5"), "1 to"),
        (("--batch", 0), "batch"),
        (("--format", "coreml"), "coreml is no format"),
        (("--format", "onnx,onnx"), "names onnx twice"),
        (("--precision", ","), "a word is missing"),
        (("--precision", "float16,"), "a word is missing"),
        (("--io", "float32"), "--int8"),
        (("--net-option", "width"), "NAME=VALUE"),
        (("--net-option", "depth=3"), "depth"),
        (("--classes", 0), "at least 1"),
        (("--int8", "--calib-samples", 0), "at least 1"),
        (("--no-such-option",), "no-such-option"),
    ],
)
def test_wrong_usage_ends_with_2(
    run: Run, tmp_path: Path, words: tuple[object, ...], said: str
) -> None:
    result = run("export", "squeezenet1_1", "--weights", "random", *words)
    assert result.code == 2
    assert said in " ".join(result.err.split())
    assert left_behind(tmp_path) == []


def test_pretrained_weights_that_cannot_be_had_end_with_3(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    result = run("export", "squeezenet1_1", "--weights", "pretrained")
    assert result.code == 3
    assert "--weights" in result.err
    assert "squeezenet1_1" not in left_behind(tmp_path)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_export_leaves_nothing(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    words = ["export", "squeezenet1_1", "--int8", "--weights", "random", "--out", "b"]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeconv", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "write the float files" in line:
            break
    assert left_behind(tmp_path) != [], "the export is under way"
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert left_behind(tmp_path) == []
