"""A cell as a process of its own, within limits that the system keeps."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import IO, Any

from edgeconv import child
from edgeconv.disk import cache_directory
from edgeconv.documents import NotJson, parse
from edgeconv.errors import SIGNALLED
from edgeconv.runtime.plain import plain
from edgeconv.sweep.cell import Cell
from edgeconv.sweep.limited import NO_BOUND
from edgeconv.sweep.results import FORM, Result

#: How long a process that was asked to end may take to clean up.
_GRACE_S = 10.0
#: What is said of a failure, at most.
_MOST_SAID = 2_000
#: The code of a run that a limit ended, as timeout(1) has it.
OVER_TIME = 124


@dataclass(frozen=True)
class Limits:
    """Of one run.

    Attributes:
        memory_bytes: private memory of each process; None: what the machine has.
        seconds: it may take; None: without end.
    """

    memory_bytes: int | None = None
    seconds: float | None = None


def run(
    cell: Cell, bundle: Path, limits: Limits, folders: Mapping[str, Path] = MappingProxyType({})
) -> Result:
    """Runs the verb, and waits for it.

    Args:
        cell: what is run.
        bundle: where an export's goes.
        limits: what ends it before its end.
        folders: a file's digest -> where it lies here; the others lie where they were.
    """
    words = [
        word if isinstance(word, str) else word.typed(folders.get(word.digest))
        for word in cell.words
    ]
    if cell.kind == "export":
        words += ["--out", str(bundle), "--force"]
    command = [*child.command("edgeconv"), cell.kind, *words, "--json"]
    with TemporaryFile() as out, TemporaryFile() as err, _alone_on(cell):
        started, clock = time.time(), time.monotonic()
        code = _ended(command, out, err, limits)
        seconds = time.monotonic() - clock
        document, said = _document(out), _said(err)
    if code == OVER_TIME:
        said = f"it took longer than {limits.seconds:g} s"
    return Result.of(
        cell,
        code,
        said if code else "",
        started=started,
        seconds=seconds,
        document=document,
    )


def _ended(command: list[str], out: IO[bytes], err: IO[bytes], limits: Limits) -> int:
    """The exit code; the process and its children are gone."""
    most = NO_BOUND if limits.memory_bytes is None else str(limits.memory_bytes)
    begun = subprocess.Popen(
        [*child.command("edgeconv.sweep.limited"), str(os.getpid()), most, *command],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=child.environment(),
        start_new_session=True,
    )
    try:
        code = begun.wait(limits.seconds)
    except subprocess.TimeoutExpired:
        code = OVER_TIME
    finally:
        _end(begun)
    return SIGNALLED - code if code < 0 else code


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end, then makes it; whoever it started goes along."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _alone_on(cell: Cell) -> Iterator[None]:
    """Keeps a measurement alone where it is made, among all sweeps of this user's on this machine.

    One of this machine waits until nothing else computes here, and the other way round.
    """
    measures = cell.kind == "bench"
    with ExitStack() as held:
        if measures and cell.device != "local":
            held.enter_context(_locked(cell.device, fcntl.LOCK_EX))
        alone = measures and cell.device == "local"
        held.enter_context(_locked("local", fcntl.LOCK_EX) if alone else beside_no_bench())
        yield


def beside_no_bench() -> AbstractContextManager[None]:
    """Waits until no sweep of this user's measures this machine, and keeps it from beginning."""
    return _locked("local", fcntl.LOCK_SH)


@contextmanager
def _locked(device: str, how: int) -> Iterator[None]:
    folder = cache_directory() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"sweep-{_slug(device)}").open("w") as file:
        fcntl.flock(file, how)
        yield


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)[:80]


def _document(out: IO[bytes]) -> dict[str, Any] | None:
    out.seek(0)
    content = out.read(FORM.most_bytes + 1)
    try:
        found = parse(content) if len(content) <= FORM.most_bytes else None
    except NotJson:
        return None
    return found if isinstance(found, dict) else None


def _said(err: IO[bytes]) -> str:
    """The last error among what was said."""
    size = err.seek(0, os.SEEK_END)
    err.seek(max(0, size - 64 * 2**10))
    lines = [line.strip(" │") for line in err.read().decode(errors="replace").splitlines()]
    errors = [place for place, line in enumerate(lines) if line.startswith("error: ")]
    words = lines[errors[-1] :] if errors else [line for line in lines if line][-3:]
    return plain(" ".join(words).removeprefix("error: "), _MOST_SAID)
