"""Tries a model file in a process of its own before this one opens it.

A file may be well formed and still crash its engine in native code, or ask for more memory than
there is, which would end the caller's program. So it is opened and run once on zeros by a child
first; one that survived is remembered by its bytes and never tried again. The child gets no more
memory than is free. What is timed later runs in the caller's own process.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edgeconv import child
from edgeconv.disk import sha256_of
from edgeconv.errors import ArtifactRefused, MemoryRefused, UnavailableError
from edgeconv.runtime.memory import within_free_memory
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions

#: Reference kernels take a minute where they are used at all.
_LIMIT_S = 600

#: What the child ends with where a file asks for more memory than is free.
_NO_MEMORY = 71

#: SHA-256 of each file that survived, and how it ran.
_survived: set[tuple[str, SessionOptions]] = set()


def require_survival(path: Path, ways: Sequence[SessionOptions]) -> None:
    """Returns where opening and running a file ends no process.

    Whatever else is wrong with the file is left to who opens it to say. On a GPU nothing is tried.

    Raises:
        ArtifactRefused: the engine crashed, or did not come to an end.
        MemoryRefused: the file asks for more memory than is free.
        UnavailableError: no process can be started.
    """
    if not path.is_file():
        return
    digest = sha256_of(path)
    on_cpu = (way for way in ways if way.provider == "cpu")
    untried = [way for way in on_cpu if (digest, way) not in _survived]
    if not untried:
        return
    code = _end_of_child(path, untried)
    if code == _NO_MEMORY:
        raise MemoryRefused(
            f"{path} asks for more memory than is free; free some, or export it again"
        )
    if code < 0:
        name = signal.strsignal(-code)
        raise ArtifactRefused(
            f"{path}: the engine crashed in its native code ({name}): the file is damaged, or asks "
            "for what the engine cannot do; export it again"
        )
    if code:
        raise UnavailableError(f"the process that tries {path} ended with {code}; try again")
    _survived.update((digest, way) for way in untried)


def _end_of_child(path: Path, ways: Sequence[SessionOptions]) -> int:
    """The exit code of a process that tries all ways; negative for the signal that ended it."""
    words = [str(path.absolute()), json.dumps([asdict(way) for way in ways])]
    try:
        done = subprocess.run(
            [*child.command(__name__), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=child.environment(),
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ArtifactRefused(f"{path}: one run on zeros took more than {_LIMIT_S} s") from error
    except OSError as error:
        raise UnavailableError(
            f"no process can be started to try {path} in: {error.strerror or error}; end other "
            "programs, or free memory"
        ) from error
    return done.returncode


def _try(path: Path, ways: Sequence[SessionOptions]) -> int:
    """In the child: opens the file each way and runs it once on zeros; gives the exit code."""
    for way in ways:
        try:
            with within_free_memory():
                session = open_session(path, way)
                session.run([np.zeros(spec.shape, spec.dtype) for spec in session.inputs])
        except (MemoryRefused, MemoryError):
            return _NO_MEMORY
        except Exception:  # it is told where the file is opened
            continue
    return 0


if __name__ == "__main__":
    sys.exit(_try(Path(sys.argv[1]), [SessionOptions(**way) for way in json.loads(sys.argv[2])]))
