"""The plugin in a user's project: right bundles pass, and of damaged ones the cause is named."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import edgeconv
from edgeconv.testing import assert_parity
from tests.helpers.small_project import Outcome, run_pytest, write_test
from tests.helpers.tampering import change_onnx, change_tflite_data, change_tflite_scale
from tests.helpers.trained_bundle import CLASSES, damaged, export_trained

ROOT = Path(__file__).resolve().parents[2]


def flip(array):
    array.flat[0] = -array.flat[0] + 40
    return array


def without_the_second_label(bundle: Path) -> None:
    names = (bundle / "labels.txt").read_text("utf-8").splitlines()
    (bundle / "labels.txt").write_text("\n".join([names[0], *names[2:]]) + "\n", "utf-8")


def with_two_labels_swapped(bundle: Path) -> None:
    names = (bundle / "labels.txt").read_text("utf-8").splitlines()
    names[1:3] = names[2:0:-1]
    (bundle / "labels.txt").write_text("\n".join(names) + "\n", "utf-8")


def with_other_means(bundle: Path) -> None:
    path = bundle / "manifest.json"
    document = json.loads(path.read_text("utf-8"))
    document["preprocessing"]["mean"].reverse()
    path.write_text(json.dumps(document), "utf-8")


#: What was done to a bundle whose manifest fits it again, and what the failure must name.
DAMAGE: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "int8-weight": (
        lambda b: change_tflite_data(b / "model.int8.tflite", "wide.0.weight", flip),
        ("int8 operators", "first wrong tensor: wide.1", "int8.tflite"),
    ),
    "int8-scale": (
        lambda b: change_onnx(b / "model.int8.onnx", "deep.1::scale", lambda s: s * 2),
        ("int8 operators", "first wrong tensor: deep.1", "int8.onnx"),
    ),
    "tflite-scale": (
        lambda b: change_tflite_scale(b / "model.int8.tflite", "deep.0.weight", lambda s: s * 2),
        ("int8 operators", "first wrong tensor:", "in int8.tflite", "deep.0.weight is 2 times"),
    ),
    "float-weight": (
        lambda b: change_onnx(b / "model.onnx", "head.weight", lambda w: w + (w == w.max())),
        ("misses parity: onnx", "first wrong tensor: logits", "onnx"),
    ),
    "missing-label": (without_the_second_label, ("labels.txt names 4 classes",)),
    "no-labels": (
        lambda b: (b / "labels.txt").unlink(),
        ("labels and preprocessing", f"files say {len(CLASSES)} labels, labels.txt 0"),
    ),
    "swapped-labels": (
        with_two_labels_swapped,
        ("labels and preprocessing", "files say dog where line 2 of labels.txt is owl"),
    ),
    "other-means": (with_other_means, ("labels and preprocessing", '"mean": [0.485')),
}
#: What was done to files, where the manifest's hashes tell.
ALTERED: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "stale-weight": (
        lambda b: change_tflite_data(b / "model.int8.tflite", "wide.0.weight", flip),
        ("model.int8.tflite was altered", "first wrong tensor: wide.1"),
    ),
    "stale-label": (without_the_second_label, ("labels.txt was altered",)),
    "lost-file": (lambda b: (b / "model.tflite").unlink(), ("model.tflite is missing",)),
}


WRONG = DAMAGE | ALTERED
FEW = ("int8-weight", "missing-label", "swapped-labels", "stale-label", "lost-file")
REST = tuple(name for name in WRONG if name not in FEW)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    return export_trained(tmp_path_factory.mktemp("project") / "good")


def tried(good: edgeconv.Bundle, project: Path, *names: str) -> Outcome:
    """One run over damaged copies, and the good bundle."""
    (project / "good").symlink_to(good.directory)
    write_test(project, "good")
    for name in names:
        damaged(good.directory, project / name, WRONG[name][0], rehashed=name in DAMAGE)
        write_test(project, name)
    return run_pytest(project)


@pytest.fixture(scope="module")
def outcome(good: edgeconv.Bundle, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return tried(good, tmp_path_factory.mktemp("few"), *FEW)


@pytest.fixture(scope="module")
def outcome_of_the_rest(good: edgeconv.Bundle, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return tried(good, tmp_path_factory.mktemp("rest"), *REST)


def test_a_good_bundle_passes_and_its_figures_stand_in_the_junit_file(outcome: Outcome) -> None:
    (case,) = outcome.cases["test_good"]
    assert case.find("failure") is None, outcome.out
    assert case.find("error") is None, outcome.out
    found = {one.get("name"): one.get("value", "") for one in case.iter("property")}
    assert float(found["int8.tflite: median_sqnr_db"]) > 10
    assert float(found["tflite: relative_error"]) < 1e-4
    seconds = [float(value) for name, value in found.items() if str(name).endswith(": seconds")]
    assert len(seconds) >= 9
    assert 0 < max(seconds) <= float(case.get("time", "0"))
    assert "PytestWarning" not in outcome.out


@pytest.mark.parametrize("name", FEW)
def test_a_damaged_bundle_fails_and_what_is_wrong_is_named(outcome: Outcome, name: str) -> None:
    check_named(outcome, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", REST)
def test_and_so_does_any_other(outcome_of_the_rest: Outcome, name: str) -> None:
    check_named(outcome_of_the_rest, name)


def check_named(outcome: Outcome, name: str) -> None:
    said = outcome.failure(f"test_{name.replace('-', '_')}")
    said = " ".join(word for word in said.split() if word != "E")  # wherever lines are broken
    for words in WRONG[name][1]:
        assert words in said, said
    assert "Traceback" not in said


def test_the_table_of_a_failure_fits_into_80_columns(outcome: Outcome) -> None:
    said = outcome.failure("test_int8_weight").splitlines()
    assert any("int8 operators" in line and "FAILED" in line for line in said), said
    shown = [line for line in said if line.startswith("E  ") and "first wrong" not in line]
    assert max(map(len, shown[1:])) <= 80


def test_thresholds_are_those_of_the_manifest(good: edgeconv.Bundle, tmp_path: Path) -> None:
    def demanding(bundle: Path) -> None:
        path = bundle / "manifest.json"
        document = json.loads(path.read_text("utf-8"))
        document["parity"]["thresholds"]["int8_sqnr_db"] = 90.0
        path.write_text(json.dumps(document), "utf-8")

    strict = damaged(good.directory, tmp_path / "strict", demanding)
    with pytest.raises(AssertionError, match=r"misses parity: .*int8\.tflite"):
        assert_parity(strict)
    assert assert_parity(strict, edgeconv.Thresholds()).passed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--edgeconv-device", "rpi"], "rpi is no device; did you mean"),
        (["--edgeconv-device", "cuda"], "cuda computes on a GPU"),
        (["--edgeconv-host", "10.0.0.7"], "--edgeconv-host goes with one --edgeconv-device"),
        (["--edgeconv-device", "local", "--edgeconv-host", "x"], "means nothing for local"),
    ],
)
def test_wrong_options_are_one_line_before_any_test_runs(
    tmp_path: Path, words: list[str], said: str
) -> None:
    write_test(tmp_path, "none")
    done = run_pytest(tmp_path, *words)
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert said in done.out
    assert "Traceback" not in done.out


def test_devices_come_by_option_and_marker(tmp_path: Path) -> None:
    """One test for each device; a test of other devices alone is skipped and says so."""
    (tmp_path / "test_devices.py").write_text(
        "import pytest\n"
        "def test_any(edgeconv_device): assert edgeconv_device.name == 'local'\n"
        "@pytest.mark.edgeconv_device('rpi4', 'rpi5')\n"
        "def test_boards(edgeconv_device): raise AssertionError\n"
        "@pytest.mark.edgeconv_device('local')\n"
        "def test_here(edgeconv_device): pass\n",
        "utf-8",
    )
    plain = run_pytest(tmp_path, "-rs", "--strict-markers")
    assert plain.code == 0, plain.out
    assert "of rpi4 or rpi5 alone; --edgeconv-device names another, or none" in plain.out
    names = [case.get("name") for case in plain.cases["test_devices"]]
    assert names == ["test_any", "test_boards[rpi4]", "test_here[local]"]
    twice = run_pytest(tmp_path, "--edgeconv-device", "local, local")
    names = {case.get("name") for case in twice.cases["test_devices"]}
    assert names == {"test_any[local]", "test_boards[rpi4]", "test_here[local]"}


def test_a_device_that_cannot_be_reached_is_one_line(tmp_path: Path, own: Path) -> None:
    write_test(tmp_path, "none")
    done = run_pytest(tmp_path, "--edgeconv-device", "rpi4-emulated", "-q")
    assert done.code == pytest.ExitCode.TESTS_FAILED
    assert "edgeconv devices start rpi4-emulated" in done.out
    assert "Traceback" not in done.out
    assert "open_machine" not in done.out


def test_the_entry_point_names_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"edgeconv": "edgeconv.testing.plugin"}


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """In a run that does not use it, either."""
    heavy = ("torch", "numpy", "typer", "rich", "onnx", "onnxruntime", "ai_edge_litert", "PIL")
    code = (
        "import sys, pytest\n"
        "import edgeconv.testing.plugin\n"
        "loaded = sorted(name for name in sys.modules if name.startswith('edgeconv'))\n"
        f"assert not [name for name in {heavy!r} if name in sys.modules], sys.modules\n"
        "assert len(loaded) <= 4, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
