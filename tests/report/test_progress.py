from __future__ import annotations

import io

import pytest

from edgeconv.report.progress import Steps


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_is_silent_without_a_terminal() -> None:
    stream, clock = io.StringIO(), Clock()
    with Steps(stream, clock, lasting=False) as steps:
        steps.step("Calibrating", 10)
        for done in range(1, 11):
            clock.now += 2.9
            steps.advance(done)
    assert stream.getvalue() == ""


def test_long_work_writes_a_line_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    with Steps(stream, clock, lasting=False) as steps:
        steps.step("Calibrating", 1000)
        for done in range(10, 701, 10):
            clock.now += 1
            steps.advance(done)
    assert stream.getvalue().splitlines() == [
        "Calibrating: 300 of 1,000 done, 10.0/s, 1 min 10 s left",
        "Calibrating: 600 of 1,000 done, 10.0/s, 40 s left",
    ]


def test_work_of_unknown_length_promises_no_end() -> None:
    stream, clock = io.StringIO(), Clock()
    with Steps(stream, clock, lasting=False) as steps:
        steps.step("Reading")
        clock.now += 60
        steps.advance(6)
    assert stream.getvalue() == "Reading: 6 done, 0.1/s\n"


def test_a_terminal_sees_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Steps(stream, lasting=False) as steps:
        steps.step("Calibrating [bold]", 4)
        steps.advance(3)
    assert "Calibrating [bold]" in stream.getvalue()
    assert "done" in stream.getvalue()
    _, _, after = stream.getvalue().rpartition("Calibrating")
    assert "\x1b[2K" in after


def test_errors_inside_go_through() -> None:
    with pytest.raises(KeyError), Steps(io.StringIO()):
        raise KeyError("x")
