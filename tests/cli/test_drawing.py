"""Steps where stderr is no terminal: rare lines with rate and time left, and a table of steps."""

from __future__ import annotations

import pytest

from edgeconv.cli import export
from edgeconv.quantize.recipe.step import StepReport
from edgeconv.report import progress


def test_long_work_says_its_rate_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
    with export.Drawn() as drawn:
        drawn.step("calibrate", total=50_000)
        drawn.advance(12_500)
        drawn.advance(25_000)
    lines = [line for line in capsys.readouterr().err.splitlines() if "of 50,000" in line]
    assert [line.split(" done")[0] for line in lines] == [
        "calibrate: 12,500 of 50,000",
        "calibrate: 25,000 of 50,000",
    ]
    assert all("/s, " in line and line.endswith("left") for line in lines)


def test_steps_are_told_with_what_they_gained(capsys: pytest.CaptureFixture[str]) -> None:
    reports = [
        StepReport("start", True, 17.0, None, None, 0.9, 1.0),
        StepReport("equalize channels", True, 20.5, 3.5, 0.25, 1.0, 2.0),
        StepReport("absorb high biases", False, 20.4, -0.1, None, None, 0.5),
    ]
    with export.Drawn() as drawn:
        drawn.steps(reports)
    shown = capsys.readouterr().err
    rows = {line.split("  ")[0]: line.split() for line in shown.splitlines()}
    assert rows["equalize channels"][2:] == ["yes", "20.5", "+3.5", "±", "0.2", "100", "%", "2.0"]
    assert rows["absorb high biases"][3:] == ["no", "20.4", "-0.1", "-", "0.5"]
