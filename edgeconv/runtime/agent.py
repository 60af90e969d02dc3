"""The process that measures: `python -m edgeconv.runtime.agent`, one request, one file, then ends.

A fresh process for each measurement keeps one model's memory and threads out of the next one's
figures. It needs Python, NumPy and an engine, nothing else of edgeconv's dependencies; `messages`
says what it reads and writes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from edgeconv.errors import EdgeconvError, UnavailableError, UsageError
from edgeconv.runtime import records
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.host import conditions, host_facts, peak_rss_bytes, rss_bytes
from edgeconv.runtime.instructions import instructions_of
from edgeconv.runtime.memory import within_free_memory
from edgeconv.runtime.messages import encode
from edgeconv.runtime.open import import_engine, open_session
from edgeconv.runtime.profiling.profile import profile
from edgeconv.runtime.requests import ProfileRequest, Request, RunRequest, TimeRequest, read_request
from edgeconv.runtime.results import TimedResult
from edgeconv.runtime.session import Session, SessionOptions
from edgeconv.runtime.timing import measure
from edgeconv.runtime.turns import Turns, await_asleep, core_of_this_thread

#: Times a file, in turns with other processes where there are any.
TimeFile = Callable[[TimeRequest, Turns | None], TimedResult]

_HOST_IS_GONE = 3


def main(time_request: TimeFile | None = None) -> int:
    """Serves the one request on standard input; gives the exit code.

    Args:
        time_request: times a file, for an engine that this package does not know; None is
            `time_file`.
    """
    answers = _claim_stdout()
    heard: SimpleQueue[None] = SimpleQueue()
    try:
        request = read_request(sys.stdin.buffer.readline())
        threading.Thread(target=_heed_the_host, args=(heard,), daemon=True).start()
        _write(answers, encode("facts", asdict(host_facts())))
        with _memory_for(request):
            if isinstance(request, TimeRequest):
                turns = _turns(request, answers, heard)
                result = (time_request or time_file)(request, turns)
                _write(answers, encode("timed", asdict(result)))
            elif isinstance(request, RunRequest):
                _write(answers, encode("ran", {"count": run_file(request)}))
            elif isinstance(request, ProfileRequest):
                found = profile(Path(request.path), request.threads, request.runs)
                _write(answers, encode("profiled", asdict(found)))
    except MemoryError:
        return _told(answers, UnavailableError("there is not enough memory on the device"))
    except EdgeconvError as error:
        return _told(answers, error)
    return 0


def _memory_for(request: Request) -> AbstractContextManager[None]:
    """What is free; a GPU's driver maps far more than it uses, and is let."""
    on_gpu = isinstance(request, TimeRequest) and request.provider != "cpu"
    return nullcontext() if on_gpu else within_free_memory()


def _told(answers: int, error: EdgeconvError) -> int:
    """Tells the host of an error; gives the exit code."""
    _write(answers, encode("error", {"error": type(error).__name__, "message": str(error)}))
    return error.exit_code


def time_file(request: TimeRequest, turns: Turns | None = None) -> TimedResult:
    """Opens and times the requested file in this process.

    Raises:
        ArtifactRefused, UnavailableError: as `open_session`.
        UsageError: as `open_session`, or cores that are not there.
    """
    pin(request.cores)
    path = Path(request.path)
    start = time.perf_counter()
    import_engine(path)
    imported = time.perf_counter()
    baseline = rss_bytes()
    before = conditions()
    options = SessionOptions(
        threads=request.threads, kernels=request.kernels, provider=request.provider
    )
    loading = time.perf_counter()
    session = open_session(path, options)
    loaded = time.perf_counter()
    invoke = session.bind(random_inputs(session, request.seed))
    timing = measure(invoke, request.timing, turns)
    return TimedResult(
        engine=session.engine,
        import_ms=1e3 * (imported - start),
        load_ms=1e3 * (loaded - loading),
        timing=timing,
        rss_engine_bytes=baseline,
        rss_peak_bytes=peak_rss_bytes(),
        before=before,
        after=conditions(),
        instructions=instructions_of(invoke) if request.threads == 1 else None,
        provider=session.provider,
        batch=batch_of(session),
    )


def batch_of(session: Session) -> int:
    """Images in one inference: the first dimension of the first input; 1 where it has none."""
    shape = session.inputs[0].shape if session.inputs else ()
    return shape[0] if shape else 1


def run_file(request: RunRequest) -> int:
    """Runs the requested file on every recorded input; gives how many there were.

    Raises:
        ArtifactRefused, UnavailableError: as `open_session`.
        UsageError: as `open_session`, or the records do not fit the file.
    """
    options = SessionOptions(threads=request.threads, kernels=request.kernels)
    session = open_session(request.path, options)
    feeds = records.read(Path(request.inputs), session.inputs, request.count)
    records.write(Path(request.outputs), (session.run(feed) for feed in feeds))
    return request.count


def pin(cores: tuple[int, ...]) -> None:
    """Keeps this process, and the threads it will start, on some cores."""
    if not cores:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("this system does not let a process choose its cores")
    try:
        os.sched_setaffinity(0, cores)
    except (OSError, OverflowError, ValueError) as error:
        raise UsageError(
            f"cores {', '.join(map(str, cores))} cannot be had: this device has "
            f"{', '.join(map(str, sorted(os.sched_getaffinity(0))))}"
        ) from error


def _claim_stdout() -> int:
    """A descriptor for answers alone; whatever else is printed goes to standard error."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _turns(request: TimeRequest, answers: int, heard: SimpleQueue[None]) -> Turns | None:
    """Turns as the host gives them; None where the request asks for none."""
    if request.turn_ms is None:
        return None

    def await_next() -> None:
        core = None
        if request.threads > 1:
            await_asleep()
        elif (core := core_of_this_thread()) is not None:
            pin((core,))
        _write(answers, encode("ready", {"core": core}))
        heard.get()

    return Turns(request.turn_ms, await_next)


def _heed_the_host(heard: SimpleQueue[None]) -> None:
    """Hands on the lines after the request, of which there is one kind, "go".

    Ends this process at once when standard input closes: nobody waits for the answer.
    """
    while data := os.read(0, 4096):
        for _ in range(data.count(b"\n")):
            heard.put(None)
    os._exit(_HOST_IS_GONE)


if __name__ == "__main__":
    sys.exit(main())
