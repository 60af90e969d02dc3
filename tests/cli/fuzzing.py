"""What random commands have in common: the program, and what it promises of every one of them."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.machines.command_server import Done

DOCUMENTED = {0, 1, 2, 3, 4}


def check_promises(done: Done, directory: Path) -> None:
    """An exit code that is documented, words and no traceback, and nothing half-written."""
    told = f"{done.words}\nexit code {done.code}\n{done.err}"
    assert done.code in DOCUMENTED, told
    for text in (done.out, done.err):
        assert "Traceback" not in text, told
        assert "Exception ignored" not in text, told
    if done.code:
        assert "rror" in done.err, told  # "error: ..." or Typer's box
    left = [path.name for path in directory.iterdir() if ".edgeconv-" in path.name]
    assert left == [], told
