"""Times of a profile find the operators that they are of."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edgeconv.files.read import read_operations
from edgeconv.runtime.profiling.profile import profile
from edgeconv.runtime.results import OperatorTime, Profile
from edgeconv.verify.inspect.timed import timed_operators
from tests.embed.conftest import bundle as bundle  # the fixture

#: TFLite's operators, and what XNNPACK calls what it makes of them.
CALLED = {
    "CONV_2D": "Convolution (NHWC, QC8) IGEMM",
    "DEPTHWISE_CONV_2D": "Convolution (NHWC, QC8) DWConv",
    "FULLY_CONNECTED": "Fully Connected (NC, QS8, QC8W) GEMM",
    "ADD": "Add (ND)",
    "MUL": "Multiply (ND)",
    "LOGISTIC": "Sigmoid (NC) ukernel",
    "CONCATENATION": "Copy (NC, X8)",
    "MAX_POOL_2D": "Max Pooling (NHWC, S8)",
    "SOFTMAX": "Softmax (NC, F32)",
    "TRANSPOSE": "Transpose (ND, X8)",
    "MEAN": "Mean (ND) Reduce",
    "CAST": "CAST",  # LiteRT's own kernel tells of itself by this name
}


class _Held:
    """Stands for a file: operators by type, each named by its place."""

    def __init__(self, types: list[str]) -> None:
        self.operations = [_Operation(kind, str(place)) for place, kind in enumerate(types)]


class _Operation:
    def __init__(self, kind: str, name: str) -> None:
        self.type, self.name = kind, name


@pytest.mark.parametrize("seed", range(40))
def test_events_find_their_operators_among_joined_and_added_ones(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    types, told, truth = [], [], {}
    for _ in range(rng.randrange(1, 120)):
        kind = rng.choice(list(CALLED))
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") and rng.random() < 0.3:
            types.append("PAD")  # joined with the convolution behind it
        if kind == "FULLY_CONNECTED" and rng.random() < 0.3:
            told.append(OperatorTime("", "Static Reshape (NC)", 5.0))  # XNNPACK's own
        took = rng.uniform(0.001, 1.0)
        truth[str(len(types))] = took
        types.append(kind)
        told.append(OperatorTime("", CALLED[kind], took))
    monkeypatch.setattr("edgeconv.verify.inspect.timed.read_operations", lambda _: _Held(types))
    found = timed_operators(Path("model.tflite"), Profile("litert", tuple(told)))
    assert dict(found.ms) == truth
    whole = sum(each.ms for each in told)
    assert found.share == pytest.approx(sum(truth.values()) / whole)


@pytest.mark.parametrize("name", ["model.tflite", "model.int8.tflite"])
def test_every_layer_of_a_profiled_file_has_a_time(bundle: Path, name: str) -> None:
    path = bundle / name
    measured = profile(path, threads=1, runs=3)
    found = timed_operators(path, measured)
    layers = {each.name for each in read_operations(path).operations if each.multiply_adds}
    assert layers <= set(found.ms)
    assert set(found.ms) <= {each.name for each in read_operations(path).operations}
    assert all(ms >= 0 for ms in found.ms.values())


def test_of_a_file_with_other_operators_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    held = _Held(["FFT_OF_NOBODY"])
    monkeypatch.setattr("edgeconv.verify.inspect.timed.read_operations", lambda _: held)
    told = (OperatorTime("", "Add (ND)", 1.0),)
    found = timed_operators(Path("model.tflite"), Profile("litert", told))
    assert (dict(found.ms), found.share) == ({}, 0.0)
