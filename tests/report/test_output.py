"""A result is written whole, or the reason why not is said, before the work where it shows then."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgeconv.errors import OutputUnwritable
from edgeconv.report.html_page import write_page
from edgeconv.report.junit import write_junit
from edgeconv.report.output import check_writable, write_whole


@pytest.mark.parametrize("path", [".", "/", "..", ""])
def test_a_path_without_a_name_is_called_a_directory(path: str) -> None:
    for write in (
        lambda: check_writable(None, Path(path)),
        lambda: write_whole(Path(path), b""),
        lambda: write_junit(path, "suite", []),
        lambda: write_page(Path(path), "page"),
    ):
        with pytest.raises(OutputUnwritable, match="cannot be written: Is a directory"):
            write()


def test_a_missing_folder_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="No such file or directory"):
        check_writable(tmp_path / "missing" / "report.xml")
    with pytest.raises(OutputUnwritable, match="Not a directory"):
        check_writable(tmp_path / "file" / "report.xml")
    with pytest.raises(OutputUnwritable, match="File name too long"):
        check_writable(tmp_path / ("x" * 300))


def test_checking_leaves_nothing_behind_and_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    check_writable(None, tmp_path / "new.json", tmp_path / "old.json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


def test_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, b"result")
    reader.join(10)
    assert heard == [b"result"]
    assert pipe.is_fifo()
