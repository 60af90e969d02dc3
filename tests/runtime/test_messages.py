"""Host and agent understand each other, and neither trusts the other's bytes."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from edgeconv.errors import UsageError
from edgeconv.runtime.messages import decode, encode
from edgeconv.runtime.requests import (
    FactsRequest,
    RunRequest,
    TimeRequest,
    read_request,
    to_line,
)
from edgeconv.runtime.results import read_timed
from edgeconv.runtime.timing import TimingConfig

GOOD = {
    "engine": "litert",
    "import_ms": 1.5,
    "load_ms": 2.5,
    "timing": {"first_ns": 9, "warmup_runs": 1, "steady": True, "samples_ns": [5, 6]},
    "rss_engine_bytes": 100,
    "rss_peak_bytes": None,
    "before": {"temperatures_c": {"cpu": 48.5}, "frequencies_mhz": [1500]},
    "after": {"temperatures_c": {}, "frequencies_mhz": []},
}


@pytest.mark.parametrize(
    "request_",
    [
        FactsRequest(),
        TimeRequest("m.tflite", 2, "reference", (0, 3), 7, TimingConfig(runs=3)),
        TimeRequest("m.onnx", provider="cuda", turn_ms=30.0),
        RunRequest("m.onnx", "in", "out", 32, 4),
    ],
)
def test_a_request_survives_the_way_to_the_agent(request_):
    assert read_request(to_line(request_)) == request_


def test_a_result_survives_the_way_back():
    message = decode(encode("timed", GOOD))
    assert message is not None
    result = read_timed(message)
    assert result.timing.samples_ns == (5, 6)
    assert read_timed(asdict(result)) == result


@pytest.mark.parametrize(
    "line",
    [
        b"Welcome to Raspberry Pi OS\n",
        b"[1, 2]",
        b"42",
        b'{"type": "timed"}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"edgeconv_agent": 1, "type"',
    ],
)
def test_a_line_that_is_no_message_is_passed_over(line):
    assert decode(line) is None


def test_another_protocol_version_is_named():
    with pytest.raises(UsageError, match="version 2"):
        decode(json.dumps({"edgeconv_agent": 2, "type": "timed"}).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        encode("time", {"path": "m.onnx"}),
        encode("run", {"path": "m.onnx"}),
        encode("time", {"path": "m.onnx", "timing": {}, "cores": ["a"]}),
        encode("time", {"timing": {"unknown": 1}, "path": "m.onnx"}),
        encode("time", {"timing": {"runs": 0}, "path": "m.onnx"}),
        encode("time", {"timing": {}, "path": "m.onnx", "turn_ms": 0}),
        encode("time", {"timing": {}, "path": "m.onnx", "turn_ms": "long"}),
    ],
)
def test_a_request_that_is_none_is_refused(line):
    with pytest.raises(UsageError):
        read_request(line)


@pytest.mark.parametrize(
    "change",
    [
        {"timing": None},
        {"timing": {**GOOD["timing"], "samples_ns": []}},
        {"timing": {**GOOD["timing"], "samples_ns": [-1]}},
        {"timing": {**GOOD["timing"], "samples_ns": ["5"]}},
        {"timing": {**GOOD["timing"], "samples_ns": [10**400]}},
        {"load_ms": "fast"},
        {"load_ms": float("nan")},
        {"rss_peak_bytes": 1.5},
        {"engine": None},
        {"before": None},
        {"after": {"temperatures_c": {"cpu": "hot"}, "frequencies_mhz": []}},
        {"after": {"temperatures_c": {}, "frequencies_mhz": [-1]}},
        {"after": {"temperatures_c": {str(i): 1.0 for i in range(1000)}, "frequencies_mhz": []}},
        {"instructions": 1.5},
    ],
)
def test_a_result_with_impossible_values_is_refused(change):
    with pytest.raises(ValueError, match=r"."):
        read_timed({**GOOD, **change})
