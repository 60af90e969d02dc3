"""What is kept of an error that edgeconv did not foresee: a small text file, and where it lies.

It holds the versions, the command line and the traceback; no photo, no weight, no value of a
variable. It goes to `errors` in edgeconv's cache directory, or to the system's directory for
temporary files where that cannot be written.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import traceback
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from edgeconv.installed import DISTRIBUTIONS
from edgeconv.runtime.plain import shortened

#: Of one report, and how many are kept.
MOST_BYTES = 64 * 1024
MOST_REPORTS = 20
_PREFIX, _SUFFIX = "edgeconv-error-", ".txt"
_PACKAGES = (
    *DISTRIBUTIONS,
    "torch",
    "torchvision",
    "onnx",
    "onnx-ir",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
    "typer",
)


def keep(error: BaseException) -> Path | None:
    """Writes a report; gives its path, None where nothing can be written anywhere."""
    content = _bounded(_text(error).encode(errors="backslashreplace"))
    for directory in (_of_the_cache, _of_the_system):
        with suppress(OSError, RuntimeError):  # RuntimeError: there is no home directory
            return _write(directory(), content)
    return None


def in_short(error: BaseException) -> str:
    """The error's class and words on one line."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # an exception of the user's, whose own words fail
        words = ""
    return f"{type(error).__name__}: {shortened(words)}" if words else type(error).__name__


def _of_the_cache() -> Path:
    from edgeconv.disk import cache_directory

    directory = cache_directory() / "errors"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


def _of_the_system() -> Path:
    return Path(tempfile.gettempdir())


def _write(directory: Path, content: bytes) -> Path:
    """A new file that only the user can read; the oldest reports there make room for it."""
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=directory)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    with suppress(OSError):  # another process may remove the same ones
        mine = [p for p in directory.glob(f"{_PREFIX}*{_SUFFIX}") if p.stat().st_uid == os.getuid()]
        for old in sorted(mine, key=lambda path: path.stat().st_mtime)[:-MOST_REPORTS]:
            old.unlink()
    return Path(name)


def _text(error: BaseException) -> str:
    versions = "\n".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return (
        f"command: {shlex.join(sys.argv)}\n\n"
        f"Python {platform.python_version()}, {platform.platform()}\n{versions}\n\n"
        f"{_trace(error)}"
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "is not installed"


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # an exception of the user's that cannot be printed
        frames = traceback.format_tb(error.__traceback__)
        return f"{''.join(frames)}{type(error).__name__}\n"


def _bounded(content: bytes) -> bytes:
    """At most MOST_BYTES: the begin, and twice as much of the end with the innermost calls."""
    if len(content) <= MOST_BYTES:
        return content
    cut = b"\n... left out ...\n"
    head = MOST_BYTES // 3
    return content[:head] + cut + content[len(content) - (MOST_BYTES - head - len(cut)) :]
