"""Recorded inputs come through an agent as the same file's outputs do here."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.errors import UsageError
from edgeconv.runtime import records
from edgeconv.runtime.agent import run_file
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.open import open_session
from edgeconv.runtime.requests import RunRequest
from edgeconv.runtime.session import TensorSpec
from tests.helpers.tiny_models import TinyNet

SPECS = (
    TensorSpec("a", (1, 2), np.dtype(np.float32)),
    TensorSpec("b", (3,), np.dtype(np.int8)),
)


def test_records_survive_a_file(tmp_path):
    written = [[np.array([[i, -i]], np.float32), np.array([i, 2, 3], np.int8)] for i in range(4)]
    records.write(tmp_path / "r", written)
    assert (tmp_path / "r").stat().st_size == 4 * records.size_of(SPECS) == 4 * 11
    for before, after in zip(written, records.read(tmp_path / "r", SPECS, 4), strict=True):
        assert all(
            a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(before, after, strict=True)
        )


@pytest.mark.parametrize("count", [3, 5])
def test_a_file_of_another_size_is_refused(tmp_path, count):
    (tmp_path / "r").write_bytes(bytes(44))
    with pytest.raises(UsageError, match="44 bytes"):
        list(records.read(tmp_path / "r", SPECS, count))


@pytest.mark.parametrize("artifact", ["onnx", "tflite", "int8.onnx", "int8.tflite"])
def test_an_agent_gives_what_a_session_gives(tmp_path, artifact):
    path = TinyNet().write_all(tmp_path)[artifact]
    session = open_session(path)
    feeds = [random_inputs(session, seed) for seed in range(3)]
    records.write(tmp_path / "in", feeds)
    assert run_file(RunRequest(str(path), str(tmp_path / "in"), str(tmp_path / "out"), 3)) == 3
    given = records.read(tmp_path / "out", session.outputs, 3)
    for feed, outputs in zip(feeds, given, strict=True):
        for expected, output in zip(session.run(feed), outputs, strict=True):
            np.testing.assert_array_equal(output, expected)
