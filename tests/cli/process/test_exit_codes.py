"""One table says what every exit code means; help, README, classes and crashes hold to it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from edgeconv.devices.agent.conversation import died
from edgeconv.errors import CRASHES, EXIT_CODES, EdgeconvError
from tests.cli.conftest import Run

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_readme_shows_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README.read_text("utf-8"), re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == [
        (row.code, row.meaning) for row in EXIT_CODES
    ]


def test_the_help_shows_the_table(run: Run) -> None:
    shown = " ".join(run("--help").out.split())
    assert "; ".join(f"{row.code} {row.meaning}" for row in EXIT_CODES) in shown


def test_every_class_has_a_code_of_the_table() -> None:
    def below(kind: type[EdgeconvError]) -> set[int]:
        return {kind.exit_code}.union(*(below(child) for child in kind.__subclasses__()))

    codes = [row.code for row in EXIT_CODES]
    assert below(EdgeconvError) <= set(codes)
    assert codes == sorted(set(codes))


@pytest.mark.parametrize("crash", sorted(CRASHES))
@pytest.mark.parametrize("shell", [False, True], ids=["here", "over a shell"])
def test_an_engine_that_crashes_in_a_measuring_process_is_a_refused_file(
    crash: signal.Signals, shell: bool
) -> None:
    """As `supervised` makes of a crash in this process."""
    error = died(128 + crash if shell else -crash, b"")
    assert error.exit_code == 4
    assert crash.name in str(error)


@pytest.mark.parametrize("code", [1, 70, -signal.SIGKILL, 128 + signal.SIGKILL, -signal.SIGTERM])
def test_a_measuring_process_that_ends_otherwise_is_the_devices_failure(code: int) -> None:
    assert died(code, b"").exit_code == 3
