"""doctor: what is there, what is broken, and that nothing a program says reaches the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from edgeconv.devices import doctor
from tests.small import blocked

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "onnx", "onnxruntime", "ai_edge_litert", "scipy")


def row(what: str, rows: tuple[doctor.Row, ...]) -> doctor.Row:
    (found,) = (one for one in rows if one.what == what)
    return found


def told(env: dict[str, str]) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code of `edgeconv doctor --json`, and its rows by what they are of."""
    done = subprocess.run(
        [sys.executable, "-m", "edgeconv", "doctor", "--json"],
        capture_output=True,
        text=True,
        env=os.environ | env,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, {one["what"]: one for one in json.loads(done.stdout)["rows"]}


def program(place: Path, name: str, script: str) -> Path:
    path = place / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_what_is_installed_here_works() -> None:
    code, rows = told({"PYTHONPATH": str(ROOT)})
    assert code == 0
    assert rows["engines"]["state"] == "ok"
    assert f"onnxruntime {metadata.version('onnxruntime')}" in rows["engines"]["value"]
    assert f"torch {metadata.version('torch')}" in rows["to export"]["value"]
    assert rows["CPU"]["state"] in ("ok", "warning")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom edgeconv.devices.doctor import rows\nrows()\n"
        f"assert not [n for n in {HEAVY!r} if n in sys.modules]"
    )
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True
    )


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise ImportError('libmissing.so \\x1b[31m')", "libmissing.so \\x1b[31m"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "not built for this CPU"),
    ],
    ids=["a library is missing", "it crashes"],
)
def test_an_engine_that_does_not_load_is_broken(tmp_path: Path, source: str, why: str) -> None:
    package = tmp_path / "ai_edge_litert"
    package.mkdir()
    (package / "__init__.py").write_text(source, encoding="utf-8")
    code, rows = told({"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"})
    assert code == 3
    assert rows["engines"]["state"] == "broken"
    assert why in rows["engines"]["advice"]
    assert rows["engines"]["advice"].endswith("pip install --force-reinstall ai-edge-litert")


def test_without_what_exports_nets_nothing_is_broken_that_runs_bundles(tmp_path: Path) -> None:
    lacking = (*blocked.OF_THE_WHOLE, "onnxruntime")
    done = blocked.edgeconv(tmp_path, "doctor", "--json", lacking=lacking)
    rows = {one["what"]: one for one in json.loads(done.stdout)["rows"]}
    assert rows["engines"]["state"] == "absent"
    assert rows["engines"]["advice"] == "pip install onnxruntime to run its files"


def test_what_a_program_says_is_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "adb", r"printf '\033]0;title\007Bridge %0999d\n' 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    found = row("adb", doctor.rows())
    assert found.state == "ok"
    assert found.value is not None
    assert found.value.isprintable()
    assert len(found.value.encode()) <= 200


@pytest.mark.parametrize("script", ["exit 7", "sleep 60", "yes"])
def test_a_program_that_does_not_answer_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(tmp_path, "ssh", script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(doctor, "_DEADLINE_S", 1.0)
    found = doctor._program("ssh", ["ssh", "-V"], "")
    assert (found.state, found.advice) == ("broken", "`ssh -V` does not answer")


def test_a_program_that_is_not_there_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = doctor._program("adb", ["adb", "version"], "phones: apt install adb")
    assert (found.state, found.value, found.advice) == ("absent", None, "phones: apt install adb")


def test_a_folder_of_very_many_files_is_counted_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"x" * 1000)
    (tmp_path / "loop").symlink_to(tmp_path)
    monkeypatch.setattr(doctor, "_MOST_FILES", 3)
    assert ": more than 3 files, " in str(doctor._folder("cache", tmp_path, "").value)


def test_weights_are_where_torch_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert doctor._checkpoints() == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert doctor._checkpoints() == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.setenv("TORCH_HOME", "/elsewhere")
    assert doctor._checkpoints() == Path(torch.hub.get_dir()) / "checkpoints"
