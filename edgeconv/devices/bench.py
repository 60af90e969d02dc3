"""Measures model files on a machine, each measurement in a fresh process, interleaved.

With files A and B, processes run A B A B ...: what drifts over minutes (temperature, other load)
falls on all alike.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from edgeconv.devices import preflight, surroundings
from edgeconv.devices.machine import Machine, understood
from edgeconv.devices.report import Artifact, BenchConfig, BenchReport, BenchResult
from edgeconv.devices.surroundings import Surroundings
from edgeconv.errors import ArtifactRefused, DeviceFailed, UsageError
from edgeconv.runtime.host import HostFacts
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.profile import Profile, read_profile
from edgeconv.runtime.requests import FactsRequest, ProfileRequest, TimeRequest
from edgeconv.runtime.results import TimedResult, read_timed
from edgeconv.runtime.stats import summarize
from edgeconv.runtime.timing import TimingConfig

_FACTS = tuple(f.name for f in fields(HostFacts))
_LARGEST_COUNT = 1024
#: How many times longer than real ones emulated devices may take.
SLOWER_EMULATED = 5
#: TensorRT tries out kernels for minutes before the first run.
SLOWER_TENSORRT = 5
#: How often a hot device is asked whether it has cooled down.
_COOLING_POLL_S = 5.0


def _ignore(*_told: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Listener:
    """Who is told what happens.

    Attributes:
        progress: called before each process with (done, all, what is measured next).
        warning: told each thing that may spoil the figures; they are in the report too.
    """

    progress: Callable[[int, int, str], None] = _ignore
    warning: Callable[[str], None] = _ignore


def bench(
    machine: Machine,
    paths: Mapping[str, Path],
    config: BenchConfig | None = None,
    listener: Listener | None = None,
) -> BenchReport:
    """Measures the latency and memory of model files.

    Args:
        machine: where.
        paths: name -> file, on this machine.
        config: how.
        listener: told of progress and of what may spoil the figures.

    Raises:
        ArtifactRefused: an engine cannot load or run a file.
        UnavailableError: an engine is not installed.
        DeviceFailed: a measuring process died, hung or answered nonsense; the message names it.
        UsageError: no file, a missing file, or a configuration that cannot be.
    """
    config, listener = config or BenchConfig(), listener or Listener()
    _check(paths, config)
    config = _fitting(machine, config)
    facts = _facts(machine, config)
    before = Surroundings() if machine.emulated else machine.surroundings()
    log = _Log(listener)
    if not machine.emulated:
        log.warn_all(preflight.warnings(facts, config.threads))
        log.warn_all(surroundings.warnings(before))
    measured = _in_turns(machine, paths, config, log)
    after = before if machine.emulated else machine.surroundings()
    log.warn_all(surroundings.warnings(before, after))
    results = tuple(
        _result(artifact, threads, processes, None if machine.emulated else config.seed)
        for (artifact, threads), processes in measured.items()
    )
    return BenchReport(
        machine.name,
        machine.emulated,
        machine.provider,
        secrets.token_hex(8),
        facts,
        config,
        tuple(log.warnings),
        results,
        surroundings=(before, after),
    )


@dataclass(frozen=True)
class _Log:
    """Warnings, told when they come up and kept for the report."""

    listener: Listener
    warnings: list[str] = field(default_factory=list)

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)
        self.listener.warning(warning)

    def warn_all(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            self.warn(warning)


def _in_turns(
    machine: Machine, paths: Mapping[str, Path], config: BenchConfig, log: _Log
) -> dict[tuple[Artifact, int], list[TimedResult]]:
    """Every process of every file and number of threads.

    A file that a GPU does not take is left out and told of, for it is seldom the only one of a
    bundle: int8 kernels are a CPU's. Raises ArtifactRefused where none is left.
    """
    placed = {name: machine.place(path) for name, path in paths.items()}
    artifacts = [_artifact(name, path) for name, path in paths.items()]
    turns = [(artifact, threads) for artifact in artifacts for threads in config.threads]
    measured: dict[tuple[Artifact, int], list[TimedResult]] = {turn: [] for turn in turns}
    refused: set[str] = set()
    total = config.processes * len(turns)
    for done, (artifact, threads) in enumerate(turns * config.processes):
        if artifact.name in refused:
            continue
        log.listener.progress(done, total, f"{artifact.name}, {threads} thread(s)")
        try:
            result = _time(machine, artifact.name, placed[artifact.name], threads, config)
        except ArtifactRefused as error:
            refused.add(artifact.name)
            if machine.provider == "cpu" or len(refused) == len(artifacts):
                raise
            log.warn(f"{artifact.name} is left out: {error}")
            continue
        measured[artifact, threads].append(result)
        if done + 1 < total and not _cool(machine, result, config):
            log.warn(f"{artifact.name}: the device stayed hot for {config.cool_down_s:g} s")
    return {turn: processes for turn, processes in measured.items() if turn[0].name not in refused}


def check_profiled(machine: Machine) -> None:
    """Raises UsageError where operators' times mean nothing: on an emulated device, on a GPU."""
    if machine.emulated:
        raise UsageError(f"{machine.name} is emulated: what an operator takes there means nothing")
    if machine.provider != "cpu":
        raise UsageError(
            f"{machine.name} runs on a GPU, where onnxruntime's profiler sees how long an operator "
            "takes to start, not to end; NVIDIA's Nsight Systems (nsys) sees the rest"
        )


def profile(machine: Machine, paths: Mapping[str, Path], config: BenchConfig) -> dict[str, Profile]:
    """What each operator of each file takes, on the first number of threads.

    Raises:
        UsageError: as `check_profiled`, and as `bench`.
        Otherwise as `bench`; UnavailableError where the device's agent cannot profile.
    """
    _check(paths, config)
    check_profiled(machine)
    found = {}
    for name, path in paths.items():
        request = ProfileRequest(machine.place(path), config.threads[0])
        messages = machine.ask(request, deadline_s=config.deadline_s)
        found[name] = understood(read_profile, messages[-1])
    return found


def _result(
    artifact: Artifact, threads: int, processes: list[TimedResult], seed: int | None
) -> BenchResult:
    """The statistics of all processes; without a seed there are none, for time means nothing."""
    samples = [p.timing.samples_ns for p in processes]
    latency = None if seed is None else summarize(samples, seed=seed)
    return BenchResult(artifact, threads, latency, tuple(processes))


def _fitting(machine: Machine, config: BenchConfig) -> BenchConfig:
    """The configuration as it suits the machine."""
    if machine.emulated:
        return _counting(config)
    if machine.provider == "tensorrt":
        return replace(config, deadline_s=config.deadline_s * SLOWER_TENSORRT)
    return config


def _counting(config: BenchConfig) -> BenchConfig:
    """For an emulated device: no warm-up, for nothing is timed; one thread, as the counter needs.

    Raises:
        UsageError: several threads are asked for.
    """
    if config.threads != (1,):
        raise UsageError("on an emulated device instructions are counted, on one thread only")
    timing = TimingConfig(runs=1, warmup_seconds=0)
    deadline_s = config.deadline_s * SLOWER_EMULATED
    return replace(config, timing=timing, deadline_s=deadline_s, cool_down_s=0)


def _facts(machine: Machine, config: BenchConfig) -> dict[str, Any]:
    (facts,) = machine.ask(FactsRequest(), deadline_s=config.deadline_s)[-1:]
    return {key: facts[key] for key in _FACTS if key in facts}


def _time(machine: Machine, name: str, path: str, threads: int, config: BenchConfig) -> TimedResult:
    request = TimeRequest(
        path,
        threads,
        config.kernels,
        config.cores,
        config.seed,
        config.timing,
        machine.provider,
    )
    try:
        messages = machine.ask(request, deadline_s=config.deadline_s)
        result = understood(read_timed, messages[-1])
        if result.provider != machine.provider:
            raise DeviceFailed(f"it ran on {result.provider}, not on {machine.provider}")
        return result
    except DeviceFailed as error:
        raise type(error)(f"{name} on {threads} thread(s): {error}") from error


def _cool(machine: Machine, last: TimedResult, config: BenchConfig) -> bool:
    """Waits while the device is hot; False where it still is when the time is up."""
    give_up = time.monotonic() + config.cool_down_s
    zones = last.after.temperatures_c
    while config.cool_down_s and preflight.hottest(zones) >= preflight.HOT_C:
        if time.monotonic() >= give_up:
            return False
        time.sleep(min(_COOLING_POLL_S, config.cool_down_s))
        zones = preflight.temperatures(_facts(machine, config))
    return True


def _check(paths: Mapping[str, Path], config: BenchConfig) -> None:
    if not paths:
        raise UsageError("there is no model file to bench")
    for path in paths.values():
        engine_of(path)
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    counts = {"threads": config.threads, "processes": (config.processes,)}
    for what, values in counts.items():
        if not values or not all(1 <= value <= _LARGEST_COUNT for value in values):
            raise UsageError(f"{what} must be 1 to {_LARGEST_COUNT}, not {values}")
    if len(set(config.threads)) != len(config.threads):
        raise UsageError(f"threads names a number twice: {config.threads}")
    if not config.deadline_s > 0 or not config.cool_down_s >= 0:
        raise UsageError("the deadline must be more than 0 s, the cool-down at least 0 s")


def _artifact(name: str, path: Path) -> Artifact:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(name, str(path.resolve()), path.stat().st_size, digest)
