"""Ctrl-C at every line of staging: the old or the new directory, no stage, true words."""

from __future__ import annotations

import signal
import sys
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from edgeconv.bundle.staging import staged
from edgeconv.disk import remove_unfinished


class PressAt:
    """Raises SIGINT before the line with this number of all that run while it is open."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                signal.raise_signal(signal.SIGINT)
        return self

    def __enter__(self) -> PressAt:
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)


def write(destination: Path) -> None:
    with staged(destination, force=True, is_ours=lambda _: True) as stage:
        (stage / "file").write_text("new")


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("two_steps", [False, True])
def test_ctrl_c_at_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, two_steps: bool
) -> None:
    if two_steps:
        monkeypatch.setattr("edgeconv.bundle.staging._renameat2", lambda *_: False)
    write(tmp_path / "first" / "bundle")  # Python compiles a pattern once: more lines than later
    told_of, silent = 0, 0
    for number in count(1):
        parent = tmp_path / str(number)
        destination = parent / "bundle"
        parent.mkdir()
        if exists:
            destination.mkdir()
            (destination / "file").write_text("old")
        press, notes = PressAt(number), None
        try:
            with press:
                write(destination)
        except KeyboardInterrupt as interrupt:
            notes = getattr(interrupt, "__notes__", [])
        remove_unfinished()  # as the last moment of the process does
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        left = sorted(path.name for path in parent.iterdir())
        if press.left > 0:
            assert notes is None
            break
        if notes:
            told_of += 1
            assert notes == [f"{destination} is written whole"]
            assert (destination / "file").read_text() == "new"
        else:
            silent += 1
        assert left in (["bundle"], [] if not exists else ["bundle"]), (number, left)
        if destination.exists():
            assert (destination / "file").read_text() in ("old", "new")
    assert told_of > 20
    assert silent > 20
