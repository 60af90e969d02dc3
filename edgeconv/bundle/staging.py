"""A directory that appears whole or not at all.

A writer fills a hidden directory beside the destination, and one rename makes it the destination.
That rename fails where a directory with content stands there, so of several writers that are not to
replace anything exactly one succeeds. Who may replace one swaps the two in one step by
`renameat2(RENAME_EXCHANGE)`, so that a process killed at any moment leaves either the old directory
or the new one. Kernels and file systems without that call get a two-step swap. What a killed
process leaves is put right by `recover`, when the directory is next opened or written.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from edgeconv.disk import unfinished
from edgeconv.errors import OutputExists, OutputUnwritable, UsageError
from edgeconv.interrupts import Held

#: Bytes of a file's name, on every common file system; hidden names are 30 longer.
_LONGEST_NAME_BYTES = 255
_LONGEST_KEPT_BYTES = 200
_SHOWN = 40
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})


@contextlib.contextmanager
def staged(destination: Path, *, force: bool, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Yields an empty directory that becomes `destination` when the block ends without an error.

    Args:
        destination: where the directory shall stand; its parents are made.
        force: whether to replace a directory that stands there.
        is_ours: tells whether an existing directory may be replaced at all, so that a mistyped
            path never costs a user a directory of another kind.

    Raises:
        OutputExists: something stands there and `force` is off, or it is not ours to replace; also
            where it was put there while the block ran.
        OutputUnwritable: the place cannot be written, or its disk is full.
    """
    destination = destination.absolute()
    check_name(destination)
    recover(destination)
    check_destination(destination, force=force, is_ours=is_ours)
    stage = destination.parent / f"{_stage_prefix(destination)}{secrets.token_hex(8)}"
    held = Held()
    held.hold()
    published = False
    try:
        with _made(stage, destination), unfinished(stage):
            try:
                with _filled(destination), held.let_through():
                    yield stage
                _flush_and_publish(stage, destination, force=force, is_ours=is_ours)
            finally:
                held.hold()  # again, for what came while the block ended
        published = True
        _sync_published(destination)
    finally:
        _release(held, destination if published else None)


@contextlib.contextmanager
def _filled(destination: Path) -> Iterator[None]:
    """Says of a disk that fills up while the block runs that nothing was written."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _unwritten(destination, error) from error
        raise


def _flush_and_publish(
    stage: Path, destination: Path, *, force: bool, is_ours: Callable[[Path], bool]
) -> None:
    """Brings the stage to the disk and into its place; raises OutputUnwritable, OutputExists."""
    try:
        _flush(stage)
        _publish(stage, destination, force=force, is_ours=is_ours)
    except OSError as error:
        raise _unwritten(destination, error) from error


@contextlib.contextmanager
def _made(stage: Path, destination: Path) -> Iterator[None]:
    """Makes the stage, locked while the block runs."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        lock = _new_stage(stage, destination)
    except OSError as error:
        raise OutputUnwritable(f"cannot write to {destination.parent}: {error.strerror}") from error
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _release(held: Held, written: Path | None) -> None:
    """Handles the interrupt that waited; it tells of the directory that stands all the same."""
    try:
        held.release()
    except KeyboardInterrupt as interrupt:
        if written is not None:
            interrupt.add_note(f"{written} is written whole")
        raise


def check_destination(destination: Path, *, force: bool, is_ours: Callable[[Path], bool]) -> None:
    """Raises what `staged` would raise of a destination that is taken; call it before long work."""
    check_name(destination)
    if not os.path.lexists(destination):
        parent = destination.absolute().parent
        while not parent.exists():
            parent = parent.parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise OutputUnwritable(
                f"cannot write {destination}: {parent} is not a writable directory; "
                "choose another one with --out"
            )
        return
    if not destination.is_dir() or destination.is_symlink():
        raise UsageError(f"{destination} exists and is no directory; choose another --out")
    if not is_ours(destination) and any(destination.iterdir()):
        raise OutputExists(
            f"{destination} exists and is nothing that edgeconv wrote: it is not replaced, even "
            "with --force; choose another --out"
        )
    if is_ours(destination) and not force:
        raise OutputExists(
            f"{destination} exists already; --force replaces it, --out chooses another place"
        )


def check_name(destination: Path) -> None:
    """Raises UsageError where no directory can have the name."""
    length = len(os.fsencode(destination.name))
    if length > _LONGEST_NAME_BYTES or "\0" in str(destination):
        raise UsageError(
            f"{destination.name[:_SHOWN]}... has {length} bytes; the name of a bundle's directory "
            f"has at most {_LONGEST_NAME_BYTES}: choose one with --out"
        )


def recover(destination: Path) -> None:
    """Ends what killed writers began: brings the old directory back where a two-step swap was cut
    off between its steps, and removes stages, which the kernel has unlocked with their process.
    """
    if not any(_hidden(destination)):
        return
    previous = _previous(destination)
    with _alone_in(destination.parent) as alone:
        if previous.is_dir() and not os.path.lexists(destination):
            previous.rename(destination)
        for left in _hidden(destination):
            if left != previous:
                _remove_abandoned(left)
            elif alone:  # without locks another's swap may be between its steps
                shutil.rmtree(previous, ignore_errors=True)


def _new_stage(stage: Path, destination: Path) -> int | None:
    """Makes an empty stage and gives its lock.

    Nobody looks for abandoned ones meanwhile, and takes a stage not locked yet for one.
    """
    with _alone_in(destination.parent):
        stage.mkdir()
        return _try_lock(stage)


def _publish(
    stage: Path, destination: Path, *, force: bool, is_ours: Callable[[Path], bool]
) -> None:
    """Makes `stage` the destination; what was replaced ends up at `stage`, to be removed.

    Raises:
        OutputExists: something stands there that may not be replaced.
    """
    # Alone from the first try on: between the two steps of another's swap nothing stands there.
    with _alone_in(destination.parent):
        while not _renamed(stage, destination):
            if not force:
                raise OutputExists(
                    f"another export wrote {destination} meanwhile: that one is kept, and this one "
                    "is not written; --force replaces it, --out chooses another place"
                )
            with contextlib.suppress(FileNotFoundError):  # gone again: another try
                _swap(stage, destination, is_ours)
                break


def _renamed(stage: Path, destination: Path) -> bool:
    """Moves `stage` where nothing stands, or an empty directory; False where something does."""
    try:
        stage.rename(destination)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _swap(stage: Path, destination: Path, is_ours: Callable[[Path], bool]) -> None:
    """Puts `stage` in the place of a directory; raises OutputExists where that is not ours."""
    check_destination(destination, force=True, is_ours=is_ours)
    if _renameat2(stage, destination, _RENAME_EXCHANGE):
        return
    previous = _previous(destination)
    shutil.rmtree(previous, ignore_errors=True)
    destination.rename(previous)
    try:
        stage.rename(destination)
    except OSError:
        previous.rename(destination)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _renameat2(source: Path, target: Path, flag: int) -> bool:
    """Renames by Linux's renameat2; False where the kernel or the file system lacks the flag."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    code = libc.renameat2(
        _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(flag)
    )
    if code == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(target))


def _unwritten(destination: Path, error: OSError) -> OutputUnwritable:
    """The error for what the system says against writing or renaming a stage."""
    if error.errno in _FULL:
        return OutputUnwritable(
            f"the disk of {destination.parent} is full; nothing was written. "
            "Free some space or choose another directory with --out"
        )
    return OutputUnwritable(
        f"{destination} cannot be put in its place: {error.strerror or error}; nothing was "
        "written. Choose another directory with --out"
    )


def _sync_published(destination: Path) -> None:
    """Brings the rename to the disk; raises OutputUnwritable where the disk does not confirm it."""
    try:
        _sync_directory(destination.parent)
    except OSError as error:
        if error.errno in _NOT_SUPPORTED:  # file systems that bring no directory to the disk
            return
        raise OutputUnwritable(
            f"{destination} was written, but its disk does not confirm it "
            f"({error.strerror or error}); check the disk, then the bundle with `edgeconv parity`"
        ) from error


def _flush(stage: Path) -> None:
    """Brings every file to the disk, so that a power cut cannot leave a renamed but empty file."""
    for path in sorted(stage.iterdir()):
        if path.is_dir():
            _flush(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_directory(stage)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stage_prefix(destination: Path) -> str:
    """Hidden names beside the destination; a name that leaves no room for more is shortened."""
    name = os.fsencode(destination.name)
    if len(name) > _LONGEST_KEPT_BYTES:
        return f".{hashlib.sha256(name).hexdigest()}.edgeconv-"
    return f".{destination.name}.edgeconv-"


def _previous(destination: Path) -> Path:
    return destination.parent / f"{_stage_prefix(destination)}previous"


def _hidden(destination: Path) -> Iterator[Path]:
    """What stands beside it for the time being, its writers' and that of killed ones."""
    return destination.parent.glob(f"{glob.escape(_stage_prefix(destination))}*")


def _remove_abandoned(stage: Path) -> None:
    """Removes a stage that no process holds."""
    lock = None
    with contextlib.suppress(OSError):  # published or removed just now, or another user's
        lock = _try_lock(stage)
    if lock is not None:
        shutil.rmtree(stage, ignore_errors=True)
        os.close(lock)


def _try_lock(directory: Path) -> int | None:
    """A descriptor that holds an exclusive lock on a directory, None where another process does."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def _alone_in(directory: Path) -> Iterator[bool]:
    """Keeps out other writers of a directory, for a few system calls.

    False where locks are lacking: those file systems (NFS) have the plain renames.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        alone = False
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            alone = True
        yield alone
    finally:
        os.close(descriptor)
