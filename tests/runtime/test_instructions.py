"""Instructions are counted where a counter answers, and asked for nowhere else."""

from __future__ import annotations

import os
import struct

import pytest

from edgeconv.errors import UnavailableError
from edgeconv.runtime import instructions
from edgeconv.runtime.instructions import VARIABLE, instructions_of


class Counter:
    """Stands for the C library below an emulator that counts: each question costs 100."""

    def __init__(self) -> None:
        self.executed = 5_000_000
        self.asked: list[int] = []

    def syscall(self, number, descriptor) -> int:
        self.asked.append(number.value)
        self.executed += 100
        os.write(descriptor.value, struct.pack("=Q", self.executed))
        return -1


@pytest.fixture
def counter(monkeypatch) -> Counter:
    counting = Counter()
    monkeypatch.setattr(instructions.ctypes, "CDLL", lambda _: counting)
    monkeypatch.setenv(VARIABLE, "1")
    return counting


def test_nobody_is_asked_without_the_variable(counter, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    assert instructions_of(lambda: pytest.fail("there was nothing to run it for")) is None
    assert counter.asked == []


def test_what_asking_costs_is_left_out(counter):
    def invoke() -> None:
        counter.executed += 123_456

    assert instructions_of(invoke) == 123_456
    assert set(counter.asked) == {7777}


def test_the_first_run_and_a_single_odd_one_do_not_count(counter):
    costs = iter([9_000_000, 1000, 50_000, 1000])

    def invoke() -> None:
        counter.executed += next(costs)

    assert instructions_of(invoke) == 1000


def test_a_promised_counter_that_is_not_there_is_an_error(monkeypatch):
    """Linux itself has no such system call."""
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(UnavailableError, match="nothing here counts"):
        instructions_of(lambda: None)
