"""The same five lines on an emulated board, by an option."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeconv.emulated.running import Running
from tests.helpers.machines.emulated import started
from tests.helpers.small_project import run_pytest, write_test
from tests.helpers.tampering import change_tflite_data
from tests.helpers.trained_bundle import damaged, export_trained

NAME = "rpi4-emulated"
pytestmark = pytest.mark.slow


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Running]:
    with started(NAME, tmp_path / "cache") as device:
        yield device


def test_a_bundle_is_run_there_and_here(board: Running, tmp_path: Path) -> None:
    def flip(array):
        array.flat[0] = -array.flat[0] + 40
        return array

    project = tmp_path / "project"
    good = export_trained(project / "good").directory
    damaged(
        good,
        project / "bad",
        lambda b: change_tflite_data(b / "model.int8.tflite", "wide.0.weight", flip),
    )
    write_test(project, "good")
    write_test(project, "bad")
    done = run_pytest(project, "--edgeconv-device", f"{NAME},local")
    assert done.code == pytest.ExitCode.TESTS_FAILED, done.out
    failed = {
        (module, case.get("name")): case.find("failure") is not None
        for module, cases in done.cases.items()
        for case in cases
    }
    assert failed == {
        ("test_good", f"test_parity[{NAME}]"): False,
        ("test_good", "test_parity[local]"): False,
        ("test_bad", f"test_parity[{NAME}]"): True,
        ("test_bad", "test_parity[local]"): True,
    }, done.out
    (there,) = (c for c in done.cases["test_good"] if c.get("name") == f"test_parity[{NAME}]")
    names = {str(one.get("name")) for one in there.iter("property")}
    assert f"int8.tflite on {NAME}: median_sqnr_db" in names
    (wrong,) = (c for c in done.cases["test_bad"] if c.get("name") == f"test_parity[{NAME}]")
    failure = wrong.find("failure")
    assert failure is not None
    assert "first wrong tensor: wide.1" in " ".join((failure.text or "").split())
