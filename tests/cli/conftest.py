"""Runs the command line in this process, as its entry point does."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """A function that runs `edgeconv WORDS...` in an empty directory."""
    from edgeconv.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def run_words(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["edgeconv", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Result(code, captured.out, captured.err)

    return run_words


@pytest.fixture(scope="session")
def ten_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten photographs that come with edgeconv."""
    from tests.cli.task_nets import link_photos

    return link_photos(tmp_path_factory.mktemp("ten_photos"))


def left_behind(directory: Path) -> list[str]:
    """Names of everything in a directory, hidden files too."""
    return sorted(path.name for path in directory.iterdir())
