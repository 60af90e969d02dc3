"""Damaged lines between host and agent: understood, passed over, or refused with one line."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from edgeconv.devices.state import preflight
from edgeconv.errors import UsageError
from edgeconv.runtime.messages import decode, encode
from edgeconv.runtime.requests import (
    ProfileRequest,
    RunRequest,
    TimeRequest,
    read_request,
    to_line,
)
from edgeconv.runtime.results import read_profile, read_timed
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.mutations import mutated, mutated_json, refuses_or_reads

CONDITIONS = {"temperatures_c": {"cpu": 48.5}, "frequencies_mhz": [1500]}
TIMED = {
    "engine": "litert",
    "import_ms": 1.5,
    "load_ms": 2.5,
    "timing": {"first_ns": 9, "warmup_runs": 1, "steady": True, "samples_ns": [5, 6]},
    "rss_engine_bytes": 100,
    "rss_peak_bytes": None,
    "before": CONDITIONS,
    "after": CONDITIONS,
}
PROFILED = {"engine": "litert", "operators": [{"name": "a", "kind": "CONV_2D", "ms": 1.5}]}
FACTS = {
    **CONDITIONS,
    "governors": ["powersave"],
    "load_1min": 9.5,
    "usable_cores": 4,
    "versions": {"python": "3.11"},
}
REQUESTS = [
    TimeRequest("m.tflite", 2, "reference", (0, 3), 7, TimingConfig(runs=3), turn_ms=3.0),
    RunRequest("m.onnx", "in", "out", 32, 4),
    ProfileRequest("m.onnx"),
]


def _understand(line: bytes) -> None:
    message = decode(line)
    if message is None:
        return
    facts = {name: preflight.readable(value) for name, value in message.items()}
    assert all(len(warning) < 20_000 for warning in preflight.warnings(facts, [1]))
    read_profile(message) if message["type"] == "profiled" else read_timed(message)


@pytest.mark.parametrize("kind", [[], {}, None, 3, ["timed"]])
def test_a_message_whose_type_is_no_text_is_none(kind: object) -> None:
    line = json.dumps({"edgeconv_agent": 1, "type": kind}).encode()
    assert decode(line) is None
    with pytest.raises(UsageError, match="one line of JSON"):
        read_request(line)


@pytest.mark.parametrize(
    "change",
    [
        {"path": 5},
        {"path": "a\0b"},
        {"threads": "2"},
        {"threads": 10**30},
        {"cores": [10**30]},
        {"cores": "01"},
        {"provider": ["cpu"]},
        {"kernels": {}},
        {"seed": -1},
        {"turn_ms": True},
        {"timing": []},
        {"timing": {"window": 2.5}},
        {"timing": {"seconds": "1"}},
    ],
)
def test_a_request_with_values_of_another_kind_is_refused(change: dict[str, object]) -> None:
    line = encode("time", {**asdict(REQUESTS[0]), **change})
    with pytest.raises(UsageError, match="is not complete"):
        read_request(line)


def test_facts_are_shortened_to_what_a_person_reads() -> None:
    told = preflight.readable({"governors": ["x" * 5000] * 5000, "deep": [[[[]]]]})
    assert {len(governor) for governor in told["governors"]} == {200}
    assert (len(told["governors"]), told["deep"]) == (64, [None])


def test_damaged_answers_are_understood_or_refused(numbers: range) -> None:
    lines = [encode("timed", TIMED), encode("profiled", PROFILED), encode("facts", FACTS)]
    for number in numbers:
        document = json.loads(lines[number % len(lines)])
        damaged = mutated(lines, number) if number % 3 == 0 else mutated_json(document, number)
        refuses_or_reads(lambda line=damaged: _understand(line), ValueError, UsageError)


def test_damaged_requests_are_understood_or_refused(numbers: range) -> None:
    lines = [to_line(request) for request in REQUESTS]
    for number in numbers:
        document = json.loads(lines[number % len(lines)])
        damaged = mutated(lines, number) if number % 3 == 0 else mutated_json(document, number)
        refuses_or_reads(lambda line=damaged: read_request(line), UsageError)
