"""bench, parity and eval on rpi4-emulated, through the real ssh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulated import measuring
from tests.helpers.machines.emulated import started
from tests.helpers.small_bundle import export_small

NAME = "rpi4-emulated"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundle, while the device runs."""
    with started(NAME, tmp_path_factory.mktemp("cache")):
        yield export_small(tmp_path_factory.mktemp("bundle"))


def test_bench_counts_the_same_instructions_every_time(bundle):
    counts = measuring.check_bench(NAME, bundle, {"litert", "onnxruntime"})
    assert counts["int8.tflite"] < counts["tflite"]


def test_parity_holds_there(bundle):
    measuring.check_parity(NAME, bundle)


def test_eval_there_is_eval_here(bundle, tmp_path):
    measuring.check_eval(NAME, bundle, tmp_path)
