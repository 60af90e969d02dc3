"""bench, parity and eval on android-emulated, through the real adb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeconv.devices.bench.benchmark_model import benchmark
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.profile import read as profiles
from edgeconv.devices.transport.open import open_device
from edgeconv.export import tflite
from edgeconv.export.tflite import TfliteMetadata
from tests.emulated import measuring
from tests.helpers.machines.benchmark_program import MEAN, OPERATORS, profile, statistics
from tests.helpers.machines.emulated import started
from tests.helpers.small_bundle import export_small
from tests.quantize.nets import Mobile, hub

NAME = "android-emulated"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundle, while the device runs."""
    with started(NAME, tmp_path_factory.mktemp("cache")):
        yield export_small(tmp_path_factory.mktemp("bundle"))


def test_bench_counts_the_same_instructions_every_time(bundle):
    counts = measuring.check_bench(NAME, bundle, {"litert"})
    assert counts["int8.tflite"] < counts["tflite"]


def test_the_native_agent_profiles_every_convolution(bundle):
    """MobileNetV2 has 35 convolutions, 17 of them depthwise apart, and a classifier."""
    found = measuring.check_profile(NAME, bundle / "model.tflite")
    kinds = " ".join(operator.kind for operator in found.operators)
    assert found.total_ms > 0
    assert kinds.count("Convolution") + kinds.count("Fully Connected") >= 53


@pytest.mark.usefixtures("bundle")
def test_a_float16_file_that_allows_it_runs_in_half_precision(tmp_path):
    kinds = {}
    for half in (True, False):
        path = tmp_path / f"half_{half}.tflite"
        metadata = TfliteMetadata("half", half_precision=half)
        tflite.write(hub(Mobile()), path, "float16", metadata=metadata)
        found = measuring.check_profile(NAME, path)
        kinds[half] = " ".join(operator.kind for operator in found.operators)
    assert "F16" in kinds[True]
    assert "F16" not in kinds[False]


def test_parity_holds_there(bundle):
    measuring.check_parity(NAME, bundle)


def test_eval_there_is_eval_here(bundle, tmp_path):
    measuring.check_eval(NAME, bundle, tmp_path)


def test_benchmark_model_is_run_as_any_program_there(bundle, tmp_path):
    """A stand-in, for the real one's times would mean nothing; the transport is the real adb."""
    says = tmp_path / "benchmark_model"
    says.write_text(f"#!/system/bin/sh\ncat >&2 <<'END'\n{statistics()}{profile()}END\n")
    config = BenchConfig(processes=2)
    with open_device(profiles.load(NAME)) as transport:
        (found,) = benchmark(
            transport, says, {"tflite": bundle / "model.tflite"}, config, profiled=True
        )
    assert [process.mean_ms for process in found.processes] == [MEAN, MEAN]
    assert len(found.operators) == len(OPERATORS) - 1
