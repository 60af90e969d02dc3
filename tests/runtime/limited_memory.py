"""What is refused for lack of memory; `test_memory` runs this in a process of its own."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeconv.errors import MemoryRefused
from edgeconv.runtime import memory
from edgeconv.runtime.memory import within_free_memory
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from tests.helpers import huge

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
