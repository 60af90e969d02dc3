"""What the command line and JUnit files say of a stage."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edgeconv.cli.shown.parity import show_stages, write_junit
from edgeconv.runtime.metrics import compare
from edgeconv.verify.parity.stages import ParityReport, StageResult
from edgeconv.verify.thresholds import Threshold
from tests.verify.parity.test_parity import LOGITS

SAME, WORSE = compare(LOGITS, LOGITS), compare(LOGITS, LOGITS * 1.5)
BOUND = Threshold("sqnr_db", 40.0)


def two(*, judged: bool = True) -> StageResult:
    return StageResult(
        name="int8.onnx",
        a="reference",
        b="int8.onnx",
        figures=(SAME, WORSE),
        thresholds=(BOUND, BOUND),
        passed=not judged,
        judged=judged,
        outputs=("near", "far"),
        seconds=1.25,
    )


def test_each_output_gets_its_own_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    show_stages([two().to_json()])
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if "," in line}
    assert lines["near"].endswith("passed")
    assert lines["far"].endswith("FAILED")


def test_what_is_not_judged_is_called_so_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    stage = two(judged=False)
    assert stage.passed is True
    assert ParityReport((stage,)).passed
    show_stages([stage.to_json()])
    assert capsys.readouterr().out.count("not judged") == 2


def test_an_output_that_is_not_finite_is_infinitely_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = SAME, compare(LOGITS, LOGITS * np.float32("nan"))
    bounds = BOUND, Threshold("sqnr_db", -math.inf)
    show_stages([replace(two(), figures=figures, thresholds=bounds).to_json()])
    last = capsys.readouterr().out.splitlines()[-1]
    assert "inf" in last
    assert "not finite" in last


def test_a_junit_file_tells_how_long_each_stage_took_and_no_document_does(tmp_path: Path) -> None:
    write_junit(tmp_path / "parity.xml", "net", [two()])
    (case,) = ET.parse(tmp_path / "parity.xml").getroot().iter("testcase")
    assert case.get("time") == "1.250"
    assert "seconds" not in two().to_json()
