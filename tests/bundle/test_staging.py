"""A bundle appears whole or not at all, whatever happens to the process that writes it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgeconv.bundle import staging
from edgeconv.errors import OutputExists, OutputUnwritable, UsageError

MARK = "mark.txt"


def is_ours(directory: Path) -> bool:
    return (directory / MARK).is_file()


def write(destination: Path, text: str, *, force: bool = False) -> None:
    with staging.staged(destination, force=force, is_ours=is_ours) as stage:
        (stage / MARK).write_text(text)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_directory_appears_when_the_block_ends(tmp_path: Path) -> None:
    with staging.staged(tmp_path / "b", force=False, is_ours=is_ours) as stage:
        (stage / MARK).write_text("new")
        assert not (tmp_path / "b").exists()
    assert (tmp_path / "b" / MARK).read_text() == "new"
    assert names(tmp_path) == ["b"]


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    for name in ("n" * 255, "\u00fc" * 127):
        write(tmp_path / name, "old")
        write(tmp_path / name, "new", force=True)
        assert (tmp_path / name / MARK).read_text() == "new"
    assert len(names(tmp_path)) == 2


def test_it_may_be_entered_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "b", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        staging.staged(tmp_path / "b", force=False, is_ours=is_ours) as stage,
    ):
        (stage / MARK).write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_an_error_keeps_the_old_directory(tmp_path: Path) -> None:
    write(tmp_path / "b", "old")
    with (
        pytest.raises(KeyboardInterrupt),
        staging.staged(tmp_path / "b", force=True, is_ours=is_ours),
    ):
        raise KeyboardInterrupt
    assert (tmp_path / "b" / MARK).read_text() == "old"
    assert names(tmp_path) == ["b"]


def test_force_replaces_the_whole_directory(tmp_path: Path) -> None:
    write(tmp_path / "b", "old")
    (tmp_path / "b" / "stale.txt").write_text("stale")
    write(tmp_path / "b", "new", force=True)
    assert (tmp_path / "b" / MARK).read_text() == "new"
    assert names(tmp_path / "b") == [MARK]
    assert names(tmp_path) == ["b"]


def test_without_renameat2_the_swap_takes_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_renameat2", lambda *_: False)
    write(tmp_path / "b", "old")
    write(tmp_path / "b", "new", force=True)
    assert (tmp_path / "b" / MARK).read_text() == "new"
    assert names(tmp_path) == ["b"]


def test_a_two_step_swap_cut_off_in_the_middle_is_recovered(tmp_path: Path) -> None:
    write(tmp_path / "b", "old")
    (tmp_path / "b").rename(tmp_path / ".b.edgeconv-previous")
    staging.recover(tmp_path / "b")
    assert (tmp_path / "b" / MARK).read_text() == "old"


def test_what_a_killed_writer_left_is_removed_when_the_directory_is_next_opened(
    tmp_path: Path,
) -> None:
    write(tmp_path / "b", "new")
    for left in (".b.edgeconv-previous", ".b.edgeconv-0123456789abcdef", ".c.edgeconv-previous"):
        (tmp_path / left).mkdir()
        (tmp_path / left / MARK).write_text("old")
    with staging.staged(tmp_path / "b", force=True, is_ours=is_ours) as stage:
        (stage / MARK).write_text("being written")
        staging.recover(tmp_path / "b")
        assert names(tmp_path) == sorted([stage.name, ".c.edgeconv-previous", "b"])
    assert (tmp_path / "b" / MARK).read_text() == "being written"


def test_nothing_is_removed_of_another_while_locks_are_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(staging.fcntl, "flock", flock)
    write(tmp_path / "b", "new")
    for left in (".b.edgeconv-previous", ".b.edgeconv-0123456789abcdef"):
        (tmp_path / left).mkdir()
    staging.recover(tmp_path / "b")
    assert len(names(tmp_path)) == 3


def test_a_directory_that_is_there_needs_force(tmp_path: Path) -> None:
    write(tmp_path / "b", "old")
    with pytest.raises(OutputExists, match="--force"):
        write(tmp_path / "b", "new")


def test_a_directory_of_another_kind_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(OutputExists, match="nothing that edgeconv wrote"):
        write(tmp_path / "photos", "new", force=True)
    assert names(tmp_path / "photos") == ["cat.jpg"]


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a file")
    with pytest.raises(UsageError, match="no directory"):
        write(tmp_path / "b", "new", force=True)


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputUnwritable, match="not a writable directory"):
        write(tmp_path / "file" / "b", "new")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputUnwritable, match="full"),
        staging.staged(tmp_path / "b", force=False, is_ours=is_ours),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


WRITERS = 6
ROUNDS = 25


@pytest.fixture(params=["renameat2", "two steps"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "two steps":
        monkeypatch.setattr(staging, "_renameat2", lambda *_: False)


def together(write_one: Callable[[int, threading.Barrier], None]) -> list[BaseException | None]:
    """What each of several writers ends with that set out at the same moment."""
    barrier = threading.Barrier(WRITERS, timeout=60)

    def work(number: int) -> BaseException | None:
        try:
            barrier.wait()
            write_one(number, barrier)
        except BaseException as error:
            return error
        return None

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(work, range(WRITERS)))


def write_at_once(destination: Path, number: int, barrier: threading.Barrier, force: bool) -> None:
    """Several files, and the end of the block at the same moment as the others'."""
    with staging.staged(destination, force=force, is_ours=is_ours) as stage:
        for part in (MARK, "a", "b"):
            (stage / part).write_text(str(number))
        barrier.wait()


def whole(destination: Path) -> int:
    """Whose directory it is; fails where it is several writers'."""
    (text,) = {path.read_text() for path in destination.iterdir()}
    assert names(destination) == ["a", "b", MARK]
    return int(text)


@pytest.mark.parametrize("empty", [False, True], ids=["nothing there", "an empty directory"])
def test_of_several_writers_one_succeeds_and_the_others_are_told(
    tmp_path: Path, kernel: None, empty: bool
) -> None:
    for attempt in range(ROUNDS):
        place = tmp_path / str(attempt)
        place.mkdir()
        if empty:
            (place / "b").mkdir()
        ends = together(lambda n, barrier, b=place / "b": write_at_once(b, n, barrier, False))  # type: ignore[misc]
        (winner,) = [number for number, end in enumerate(ends) if end is None]
        losers = [end for end in ends if end is not None]
        assert all(isinstance(end, OutputExists) for end in losers), losers
        assert all("another export wrote" in str(end) for end in losers)
        assert whole(place / "b") == winner
        assert names(place) == ["b"]


def test_of_several_writers_with_force_each_succeeds_and_one_is_there_whole(
    tmp_path: Path, kernel: None
) -> None:
    for attempt in range(ROUNDS):
        place = tmp_path / str(attempt)
        place.mkdir()
        ends = together(lambda n, barrier, b=place / "b": write_at_once(b, n, barrier, True))  # type: ignore[misc]
        assert ends == [None] * WRITERS
        whole(place / "b")
        assert names(place) == ["b"]


def test_a_directory_of_another_kind_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    for force in (False, True):
        destination = tmp_path / str(force)
        with (
            pytest.raises(OutputExists),
            staging.staged(destination, force=force, is_ours=is_ours) as stage,
        ):
            (stage / MARK).write_text("new")
            destination.mkdir()
            (destination / "cat.jpg").write_text("cat")
        assert names(destination) == ["cat.jpg"]
    assert names(tmp_path) == ["False", "True"]


ONE_OF_SEVERAL = textwrap.dedent(
    """
    import sys, pathlib
    from edgeconv.errors import OutputExists
    from edgeconv.bundle import staging

    place, number = pathlib.Path(sys.argv[1]), sys.argv[2]
    for line in sys.stdin:
        try:
            goal = place / line.strip()
            with staging.staged(goal, force=False, is_ours=pathlib.Path.is_dir) as stage:
                (stage / "a").write_text(number)
                print("filled", flush=True)
                sys.stdin.readline()
            print("written", flush=True)
        except OutputExists:
            print("taken", flush=True)
    """
)


def test_of_several_processes_one_succeeds(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_OF_SEVERAL, str(tmp_path), str(number)],
            stdin=pipe,
            stdout=pipe,
            text=True,
            bufsize=1,
        )
        for number in range(3)
    ]

    def said_by_all(words: str) -> list[str]:
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write(f"{words}\n")
        return [writer.stdout.readline().strip() for writer in writers if writer.stdout]

    for attempt in range(ROUNDS):
        assert said_by_all(str(attempt)) == ["filled"] * len(writers)
        ends = said_by_all("publish")
        assert sorted(ends) == ["taken", "taken", "written"]
        assert (tmp_path / str(attempt) / "a").read_text() == str(ends.index("written"))
    for writer in writers:
        writer.communicate()
    assert len(names(tmp_path)) == ROUNDS


@pytest.mark.parametrize("number", [errno.EPERM, errno.EXDEV, errno.EIO, errno.ENAMETOOLONG])
@pytest.mark.parametrize("force", [False, True])
def test_a_rename_that_fails_is_said_and_leaves_what_was_there(
    number: int, force: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if force:
        write(tmp_path / "b", "old")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        # A swap in two steps fails in its second one.
        if force and not (tmp_path / "b").exists() and "previous" in self.name:
            return real(self, target)
        if force and (tmp_path / "b").exists():
            if self == tmp_path / "b":
                return real(self, target)
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        raise OSError(number, os.strerror(number), str(self), None, str(target))

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(staging, "_renameat2", lambda *_: False)
    with pytest.raises(OutputUnwritable, match=f"put in its place: {os.strerror(number)}; nothing"):
        write(tmp_path / "b", "new", force=force)
    assert names(tmp_path) == (["b"] if force else [])
    assert not force or (tmp_path / "b" / MARK).read_text() == "old"


def failing_fsync(
    monkeypatch: pytest.MonkeyPatch, number: int, which: Callable[[str], bool]
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if which(str(Path(f"/proc/self/fd/{descriptor}").readlink())):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_disk_that_fails_before_the_rename_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_fsync(monkeypatch, errno.EIO, lambda path: path.endswith(MARK))
    with pytest.raises(OutputUnwritable, match="Input/output error; nothing was written"):
        write(tmp_path / "b", "new")
    assert names(tmp_path) == []


def test_a_disk_that_fails_after_the_rename_is_told_truly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_fsync(monkeypatch, errno.EIO, lambda path: path == str(tmp_path))
    with pytest.raises(OutputUnwritable, match="was written, but its disk does not confirm it"):
        write(tmp_path / "b", "new")
    assert names(tmp_path) == ["b"]
    assert (tmp_path / "b" / MARK).read_text() == "new"


def test_a_file_system_that_syncs_no_directories_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_fsync(monkeypatch, errno.EINVAL, lambda path: path == str(tmp_path))
    write(tmp_path / "b", "new")
    assert (tmp_path / "b" / MARK).read_text() == "new"
