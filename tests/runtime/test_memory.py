"""A model gets no more memory than is free, and what asks for more is refused."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeconv.errors import MemoryRefused
from edgeconv.runtime import memory
from edgeconv.runtime.memory import free_bytes, within_free_memory
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from tests.helpers import huge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is free")

MIB = 2**20
#: 240 MB as float32.
SHAPE = (1, 1000, 1000, 60)


def little_is_free(monkeypatch: pytest.MonkeyPatch, mebibytes: int = 100) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: mebibytes * MIB)


def run_on_zeros(path: Path, options: SessionOptions) -> None:
    session = open_session(path, options)
    session.run([np.zeros(spec.shape, spec.dtype) for spec in session.inputs])


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("write", [huge.tflite, huge.onnx_net], ids=["tflite", "onnx"])
def test_what_asks_for_more_than_is_free_is_refused_and_can_be_run_where_it_is_free(
    tmp_path: Path, write: Callable[..., Path], kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / f"net.{'onnx' if write is huge.onnx_net else 'tflite'}", SHAPE)
    options = SessionOptions(kernels=kernels)  # type: ignore[arg-type]
    run_on_zeros(path, options)
    little_is_free(monkeypatch)
    with pytest.raises(MemoryRefused, match="more memory than is free"), within_free_memory():
        run_on_zeros(path, options)
    run_on_zeros(path, options)


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


def test_this_process_may_have_as_much_as_before_once_the_block_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    little_is_free(monkeypatch)
    with pytest.raises(MemoryError), within_free_memory():
        np.ones(200 * MIB, np.uint8)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with within_free_memory(), within_free_memory():  # the inner one does not widen the outer
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] > 100 * MIB
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


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
