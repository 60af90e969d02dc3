"""The same five lines on an emulated board, by an option."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeconv.emulated.running import Running
from tests.helpers.machines.emulated import started
from tests.helpers.small_project import run_pytest, write_test
from tests.helpers.trained_bundle import export_trained

NAME = "rpi4-emulated"
pytestmark = pytest.mark.slow


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Running]:
    with started(NAME, tmp_path / "cache") as device:
        yield device


def test_a_bundle_is_run_there_and_here(board: Running, tmp_path: Path) -> None:
    export_trained(tmp_path / "project" / "good")
    write_test(tmp_path / "project", "good")
    done = run_pytest(tmp_path / "project", "--edgeconv-device", f"{NAME},local")
    assert done.code == 0, done.out
    cases = {str(case.get("name")): case for case in done.cases["test_good"]}
    assert set(cases) == {f"test_parity[{NAME}]", "test_parity[local]"}
    there = cases[f"test_parity[{NAME}]"].iter("property")
    assert f"int8.tflite on {NAME}: median_sqnr_db" in {one.get("name") for one in there}
