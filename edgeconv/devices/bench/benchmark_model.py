"""Google's benchmark_model, where the user has one for the device: a second opinion on its files.

It is the yardstick of TFLite on Android, and is built against Android's own C library. It tells
statistics of its runs and no single one, so there is no bootstrap interval, and `compare` has no
use for it. Its flags and its output are those of TensorFlow's and LiteRT's sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from edgeconv.devices.agent.provision import check
from edgeconv.devices.agent.remote import place
from edgeconv.devices.bench.benchmark_output import (
    Benchmarked,
    Statistics,
    read_operators,
    read_statistics,
)
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.transport.base import Transport
from edgeconv.errors import DeviceFailed, UsageError
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.timing import MOST_RUNS

_T = TypeVar("_T")
#: It prints a few hundred bytes for each operator, three times at most.
_MOST_BYTES = 16 * 2**20
#: Versions differ in which of the streams they log to. No value is read by this shell.
_ONE_STREAM = ("sh", "-c", 'exec "$@" 2>&1', "sh")
_PROFILED_RUNS = 50


def check_possible(profile: Profile, paths: Mapping[str, Path]) -> None:
    """Raises UsageError where benchmark_model cannot be had, or its figures would mean nothing."""
    program = profile.benchmark_model
    if program is None or not program.is_file():
        raise UsageError(
            f"benchmark_model: {program} is no file; give the program, built for the device, with "
            "--benchmark-model FILE or in its profile"
        )
    if profile.emulated:
        raise UsageError(
            f"{profile.name} is emulated: benchmark_model tells times alone, and they mean nothing "
            "there"
        )
    if profile.provider != "cpu":
        raise UsageError(f"{profile.name} computes on a GPU, benchmark_model on the CPU")
    if not _for_litert(paths):
        raise UsageError("benchmark_model runs .tflite files, and there is none to bench")


def benchmark(
    transport: Transport,
    program: Path,
    paths: Mapping[str, Path],
    config: BenchConfig,
    *,
    profiled: bool = False,
) -> tuple[Benchmarked, ...]:
    """Runs benchmark_model on every .tflite file, in fresh processes, one by one.

    Args:
        transport: to the device.
        program: benchmark_model for the device, on this machine.
        paths: name -> file, on this machine.
        config: threads, processes, cores, how long; the kernels are benchmark_model's own.
        profiled: whether each file is also profiled, in a process of its own, on the first number
            of threads.

    Raises:
        DeviceFailed: it cannot be run there, or a file not by it, or what it says is no figure.
        ConnectionLost, DeviceUnreachable: as the transport.
    """
    there = place(transport, program)
    check(transport.run(["chmod", "755", there]), transport, "benchmark_model cannot be pushed")
    placed = {name: place(transport, path) for name, path in _for_litert(paths).items()}
    keys = [(name, threads) for name in placed for threads in config.threads]
    measured: dict[tuple[str, int], list[Statistics]] = {key: [] for key in keys}

    def told(name: str, threads: int, words: list[str], read: Callable[[str], _T]) -> _T:
        command = [there, f"--graph={placed[name]}", f"--num_threads={threads}", *words]
        return _told(transport, name, [*_pinned(config.cores), *command], config.deadline_s, read)

    for name, threads in keys * config.processes:
        measured[name, threads].append(told(name, threads, _length(config), read_statistics))
    first, words = config.threads[0], ["--enable_op_profiling=true", f"--num_runs={_PROFILED_RUNS}"]
    operators = {name: told(name, first, words, read_operators) for name in placed if profiled}
    return tuple(
        Benchmarked(
            name, threads, tuple(processes), operators.get(name, ()) if threads == first else ()
        )
        for (name, threads), processes in measured.items()
    )


def _for_litert(paths: Mapping[str, Path]) -> dict[str, Path]:
    return {name: path for name, path in paths.items() if engine_of(path) == "litert"}


def _length(config: BenchConfig) -> list[str]:
    """How long it warms up and measures: that many runs, or that many seconds, as asked for."""
    timing = config.timing
    runs, seconds = timing.least_runs, timing.seconds
    if timing.runs is not None:
        runs, seconds = min(timing.runs, MOST_RUNS), 0.0
    return [
        "--warmup_runs=1",
        f"--warmup_min_secs={timing.warmup_seconds:g}",
        f"--num_runs={runs}",
        f"--min_secs={seconds:g}",
        f"--max_secs={config.deadline_s:g}",
    ]


def _pinned(cores: tuple[int, ...]) -> list[str]:
    """Android's taskset and the others' alike take a mask in hexadecimal."""
    return ["taskset", f"{sum(1 << core for core in set(cores)):x}"] if cores else []


def _told(
    transport: Transport,
    name: str,
    command: list[str],
    deadline_s: float,
    read: Callable[[str], _T],
) -> _T:
    """What `read` makes of a process's output; raises DeviceFailed where that is nothing."""
    done = transport.run([*_ONE_STREAM, *command], deadline_s=deadline_s, most_output=_MOST_BYTES)
    words = [line.strip() for line in done.text.splitlines() if line.strip()]
    last = words[-1][:300] if words else "it told nothing"
    where = f"{transport.address}: benchmark_model on {name}"
    if done.code != 0:
        raise DeviceFailed(
            f"{where} ended with exit code {done.code}: {last}; is the program built for the "
            "device, and does it run the file there by hand?"
        )
    try:
        return read(done.text)
    except ValueError as error:
        raise DeviceFailed(
            f"{where} told no figures that can be understood: {error}; its last line: {last}"
        ) from error
