"""Photos that a file of labels names; it may come from anywhere, and name anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from edgeconv.errors import RefusedError

LONGEST_SHOWN = 80
"""Characters of a name that a message shows."""

_SHOWN = 5


def inside(where: str, name: str) -> PurePosixPath:
    """A name as a path inside the folder of photos.

    Args:
        where: it stands, in a message.
        name: what stands there.

    Raises:
        RefusedError: it leads elsewhere.
    """
    pure = PurePosixPath(name)
    outside = pure.is_absolute() or ".." in pure.parts or bool(PureWindowsPath(name).drive)
    if outside or not pure.parts or not name.isprintable():
        raise RefusedError(
            f"{where}: the file is {name[:LONGEST_SHOWN]!r}; it must be a path inside the folder"
        )
    return pure


def require_none_missing(path: Path, folder: Path, missing: Sequence[str]) -> None:
    """Raises RefusedError where labels name files that are not there."""
    if missing:
        first = ", ".join(name[:LONGEST_SHOWN] for name in missing[:_SHOWN])
        shown = first + (", ..." if len(missing) > _SHOWN else "")
        raise RefusedError(
            f"{path} names {len(missing)} files that are not in {folder}: {shown}; to evaluate on "
            "what is there, give --labels a file that names that alone"
        )


def is_file(path: Path) -> bool:
    """Whether there is one."""
    try:
        return path.is_file()
    except OSError:  # a loop of links, or a name longer than the file system allows
        return False
