"""A file is written whole, or the reason why not is said, before the work where it shows then."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgeconv import disk
from edgeconv.disk import check_writable, open_regular, sha256_of, write_whole, written_whole
from edgeconv.errors import FileRefused, OutputUnwritable
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


def test_a_pipe_that_nobody_reads_from_is_given_up(tmp_path: Path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(disk, "READER_WITHIN_S", 0.2)
    for write in (write_whole, lambda path, _: write_junit(path, "suite", [])):
        with pytest.raises(OutputUnwritable, match="a pipe that nobody reads from"):
            write(tmp_path / "pipe", b"result")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(OutputUnwritable, match="name a regular file"),
        written_whole(tmp_path / "pipe"),
    ):
        raise AssertionError
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_whose_reader_leaves_is_an_error(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    threading.Timer(0.2, os.close, (reader,)).start()
    with pytest.raises(OutputUnwritable, match="Broken pipe"):
        write_whole(pipe, bytes(10**6))


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path):
        for read in (open_regular, sha256_of):
            with pytest.raises(OSError, match=r"regular file|directory"):
                read(path)


def test_a_file_of_holes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(3 * 2**40)
    with pytest.raises(FileRefused, match=f"has {3 * 2**40} bytes; at most {4 * 2**30} are read"):
        sha256_of(tmp_path / "holes")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EXDEV, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_rename_that_fails_leaves_the_old_file(number: int, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "result"
    path.write_bytes(b"old")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(number, os.strerror(number), str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputUnwritable, match=f"cannot be written: {os.strerror(number)}"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def limited(code: str, place: Path, limit: int, most: int) -> str:
    """Runs code in a process with a limit of its resources; gives its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", f"from edgeconv.disk import *\n{code}", str(place)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )
    assert done.returncode == 1, (done.returncode, done.stderr)
    return done.stderr.strip().splitlines()[-1]


def test_a_limit_of_file_sizes_is_an_error(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; write_whole(Path(sys.argv[1]), bytes(10**6))"
    told = limited(code, tmp_path / "result", resource.RLIMIT_FSIZE, 1000)
    assert told.endswith("cannot be written: File too large")
    assert "OutputUnwritable" in told
    assert list(tmp_path.iterdir()) == []


def test_too_few_descriptors_are_an_error(tmp_path: Path) -> None:
    code = (
        "import os, resource, sys; from pathlib import Path\n"
        "while True:\n"
        "    try: os.dup(1)\n"
        "    except OSError: break\n"
        "write_whole(Path(sys.argv[1]), b'new')"
    )
    told = limited(code, tmp_path / "result", resource.RLIMIT_NOFILE, 32)
    assert told.endswith("cannot be written: Too many open files")
    assert list(tmp_path.iterdir()) == []
