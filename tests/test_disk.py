"""A file is written whole, or the reason why not is said, before the work where it shows then."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgeconv.disk import check_writable, sha256_of, write_whole, written_whole
from edgeconv.errors import OutputUnwritable
from edgeconv.report.html_page import write_page
from edgeconv.report.junit import write_junit


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


def test_a_file_takes_its_place_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    with written_whole(path) as part:
        part.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")
