"""edgeconv embed: what it writes, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.embed.conftest import bundle as bundle  # the fixture


def test_it_writes_a_project_and_checks_it(run: Run, bundle: Path, tmp_path: Path) -> None:
    done = run("embed", bundle, "--as", "python", "--check", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["project"] == "small-python"
    assert told["check"]["steps"] == {"decoding": True, "resizing": True, "inference": True}
    assert all((tmp_path / "small-python" / name).is_file() for name in told["files"])
    again = run("embed", bundle, "--as", "python")
    assert again.code == 2
    assert "--force" in again.err
    assert run("embed", bundle, "--as", "python", "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as", "pyton"), "did you mean python?"),
        (("--as", "python", "--file", "int9.tflite"), "did you mean int8.tflite"),
        (("--as", "python", "--out", "mine"), "mine exists and is nothing that edgeconv wrote"),
    ],
)
def test_wrong_words_are_said_and_write_nothing(
    run: Run, bundle: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    done = run("embed", bundle, *words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "thesis.txt"]


def _altered(bundle: Path, change: str, place: Path) -> Path:
    copy = shutil.copytree(bundle, place / "altered")
    path = copy / "golden" / "golden.json"
    document = json.loads(path.read_text())
    case = document["cases"][0]
    if change == "no folder":
        shutil.rmtree(copy / "golden")
        return copy
    if change == "no photos":
        document["cases"] = [case | {"photo": None} for case in document["cases"]]
    elif change == "leaves":
        case["photo"] = "../../secret.png"
    elif change == "pixels":
        case["pixels"]["sha256"] = "0" * 64
    elif change == "classes":
        case["artifacts"]["int8.tflite"]["top5"][0]["index"] = "285"
    path.write_text(json.dumps(document))
    return copy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("no folder", "golden"),
        ("no photos", "holds no golden photo"),
        ("leaves", "no plain file name"),
        ("pixels", "the pixels of chelsea.png are others"),
        ("classes", "no classes of int8.tflite"),
    ],
)
def test_a_bundle_whose_golden_photos_are_wrong_is_refused(
    run: Run,
    bundle: Path,
    tmp_path: Path,
    change: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edgeconv.bundle import manifest

    monkeypatch.setattr(manifest, "verify_files", lambda *_: None)
    done = run("embed", _altered(bundle, change, tmp_path), "--as", "python", "--out", "out")
    assert done.code == 4, done.err
    assert said in done.err
    assert not (tmp_path / "out").exists()
