"""A model gets no more memory than is free, and what asks for more is refused."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from edgeconv.errors import MemoryRefused
from edgeconv.runtime import memory
from edgeconv.runtime.memory import free_bytes
from edgeconv.runtime.open import open_session
from tests.helpers import huge
from tests.runtime import limited_memory
from tests.runtime.limited_memory import SHAPE, little_is_free

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is free")


def test_what_asks_for_more_than_is_free() -> None:
    """In a process of its own: one that held more before gives that again without asking."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        limited_memory.__file__,
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_input_that_is_larger_than_what_is_free_is_refused_when_the_file_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = huge.onnx_input(tmp_path / "net.onnx", SHAPE)
    open_session(path)
    little_is_free(monkeypatch)
    with pytest.raises(MemoryRefused, match="takes and gives 228 MiB, most of it input; 100 MiB"):
        open_session(path)


def test_a_tensor_that_no_honest_net_has_is_refused_unasked(tmp_path: Path) -> None:
    path = huge.tflite(tmp_path / "net.tflite", told=huge.SHAPE)
    with pytest.raises(MemoryRefused, match="109863 MiB; the limit is 1024 MiB"):
        open_session(path)


@pytest.mark.parametrize(
    ("line", "place", "names"),
    [
        ("0::/a/b", "", ("memory.max", "memory.current", "inactive_file")),
        ("0::/a/b", "a/b", ("memory.max", "memory.current", "inactive_file")),
        (
            "4:cpu,memory:/a",
            "memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_a_containers_limit_counts(
    line: str,
    place: str,
    names: tuple[str, str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mine").write_text(f"1:name=systemd:/\n{line}\n")
    monkeypatch.setattr(memory, "_MINE", tmp_path / "mine")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    without = free_bytes()
    group = tmp_path / place
    group.mkdir(parents=True, exist_ok=True)
    for name, text in zip(names, ("9000000", "5000000", "x"), strict=True):
        (group / name).write_text(text)
    (group / "memory.stat").write_text(f"anon 1\n{names[2]} 1000000\n")
    assert without is not None
    assert without > 5_000_000
    assert free_bytes() == 5_000_000
    (group / names[0]).write_text("max\n")
    assert free_bytes() is not None


def test_the_process_that_measures_tells_of_it(tmp_path: Path) -> None:
    path = huge.onnx_net(tmp_path / "net.onnx", (1, 1000, 10_000, 60))
    words = [sys.executable, "-m", "edgeconv", "bench", path, "--processes", "1", "--seconds", "1"]
    done = subprocess.run(
        [str(word) for word in words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30)),
    )
    assert done.returncode == 4, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert said.endswith("it asks for more memory than is free")
