"""Where emulated devices keep things: one directory in the user's cache, and locks on its parts.

roots/KEY/          finished root file systems; KEY is a hash of the recipe
roots/KEY.lock      held alone while one is built or removed, shared while a device runs on it
devices/NAME/       a running device's keys, log and state, and what its user stored there
devices/NAME.lock   held while a device is started or stopped
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgeconv.disk import cache_directory

#: Root file systems are thrown away, the longest unused first, where all together take more.
MOST_ROOT_BYTES = 2**30
_UNFINISHED = ".unfinished-"


def directory() -> Path:
    """Where all of it lies; it need not exist."""
    return cache_directory() / "emulated"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a file's lock alone, waiting for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold_shared(path: Path) -> int:
    """A descriptor that keeps others from taking the lock alone; children inherit it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.set_inheritable(descriptor, True)
    return descriptor


def root_for(key: str, build: Callable[[Path], None]) -> tuple[Path, int]:
    """The finished root file system `key`, built where it is not there yet.

    Args:
        key: names the recipe and everything that goes into it.
        build: fills an empty directory.

    Returns:
        Its directory and a descriptor: nobody removes the directory while it is open.
    """
    roots = directory() / "roots"
    root = roots / key
    lock = roots / f"{key}.lock"
    roots.mkdir(parents=True, exist_ok=True)
    while True:
        held = hold_shared(lock)
        if root.is_dir():
            os.utime(root)
            return root, held
        os.close(held)  # nobody can be running on what is not there
        with locked(lock):
            if not root.is_dir():
                _build(root, build)
        _prune(roots, key)


def _build(root: Path, build: Callable[[Path], None]) -> None:
    """Builds beside the goal, then renames: what carries the name is whole."""
    staging = Path(tempfile.mkdtemp(prefix=f"{root.name}{_UNFINISHED}", dir=root.parent))
    try:
        target = staging / "root"
        target.mkdir()
        target.chmod(0o755)
        build(target)
        target.rename(root)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _prune(roots: Path, needed: str) -> None:
    """Removes roots nobody uses while all together are too large, and what dead builds left.

    The root `needed` next, the newest one, stays however large it is.
    """
    kept = 0
    directories = [path for path in roots.iterdir() if path.is_dir()]
    for found in sorted(directories, key=lambda path: -path.lstat().st_mtime):
        kept += size_bytes(found)
        key, unfinished, _ = found.name.partition(_UNFINISHED)
        if unfinished or (kept > MOST_ROOT_BYTES and key != needed):
            _remove_unless_held(found, roots / f"{key}.lock")


def _remove_unless_held(root: Path, lock: Path) -> None:
    """Renames first: a removal cut short leaves no half root under a root's name."""
    with lock.open("a") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        key = lock.name.removesuffix(".lock")
        doomed = Path(tempfile.mkdtemp(prefix=f"{key}{_UNFINISHED}", dir=root.parent))
        root.rename(doomed / "root")
        shutil.rmtree(doomed, ignore_errors=True)


def size_bytes(root: Path) -> int:
    """What the files below take, without following links."""
    total = 0
    for parent, _, names in os.walk(root):
        for name in names:
            total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118
    return total
