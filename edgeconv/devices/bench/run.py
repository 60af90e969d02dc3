"""Measures model files on a machine, each measurement in a fresh process.

One by one, the processes of files A and B run A B A B ...: what drifts over minutes (temperature,
other load) falls on both alike. Side by side, the first process of A and that of B are alive
together and take turns, then the second ones, and so on: so does what changes within a second.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from edgeconv.devices.agent.machine import Machine, understood
from edgeconv.devices.agent.processes import Outcome, time_alone, time_side_by_side
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.latency import summarize
from edgeconv.devices.bench.report import Artifact, BenchReport, BenchResult
from edgeconv.devices.state import preflight, surroundings
from edgeconv.devices.state.surroundings import Surroundings
from edgeconv.disk import sha256_of
from edgeconv.errors import UsageError
from edgeconv.progress import SILENT, Progress
from edgeconv.runtime.host import HostFacts
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.requests import MOST_TURN_MS, FactsRequest, ProfileRequest, TimeRequest
from edgeconv.runtime.results import Profile, TimedResult, read_profile
from edgeconv.runtime.timing import TimingConfig

_FACTS = tuple(f.name for f in fields(HostFacts))
_LARGEST_COUNT = 1024
#: How many times longer than real ones emulated devices may take.
SLOWER_EMULATED = 5
#: TensorRT tries out kernels for minutes before the first run.
SLOWER_TENSORRT = 5
#: How often a hot device is asked whether it has cooled down.
_COOLING_POLL_S = 5.0


def bench(
    machine: Machine,
    paths: Mapping[str, Path],
    config: BenchConfig | None = None,
    progress: Progress = SILENT,
) -> BenchReport:
    """Measures the latency and memory of model files.

    Args:
        machine: where.
        paths: name -> file, on this machine.
        config: how.
        progress: told how many processes are done, and warned of what may spoil the figures,
            which is in the report too.

    Raises:
        ArtifactRefused: an engine cannot load or run a file.
        UnavailableError: an engine is not installed.
        DeviceFailed: a measuring process died, hung or answered nonsense; the message names it.
        UsageError: no file, a missing file, or a configuration that cannot be.
    """
    config = config or BenchConfig()
    _check(paths, config)
    config, compromise = _arranged(machine, len(paths), _fitting(machine, config))
    facts = _facts(machine, config)
    before = Surroundings() if machine.emulated else machine.surroundings()
    log = _Log(progress)
    log.warn_all(compromise)
    if not machine.emulated:
        log.warn_all(preflight.warnings(facts, config.threads))
        log.warn_all(surroundings.warnings(before))
    measured = _measure(machine, paths, config, log)
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

    progress: Progress
    warnings: list[str] = field(default_factory=list)

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)
        self.progress.warn(warning)

    def warn_all(self, warnings: Iterable[str]) -> None:
        for warning in warnings:
            self.warn(warning)


def _measure(
    machine: Machine, paths: Mapping[str, Path], config: BenchConfig, log: _Log
) -> dict[tuple[Artifact, int], list[TimedResult]]:
    """Every process of every file and number of threads, in the order they ran.

    A file that a GPU does not take is left out and told of, for it is seldom the only one of a
    bundle: int8 kernels are a CPU's. Raises ArtifactRefused where none is left.
    """
    placed = {name: machine.place(path) for name, path in paths.items()}
    artifacts = [_artifact(name, path) for name, path in paths.items()]
    keys = [(artifact, threads) for artifact in artifacts for threads in config.threads]
    measured: dict[tuple[Artifact, int], list[TimedResult]] = {key: [] for key in keys}
    refused: set[Artifact] = set()
    total, done = config.processes * len(keys), 0
    log.progress.step("run the measuring processes", total)
    for files, threads in _groups(artifacts, config):
        group = [artifact for artifact in files if artifact not in refused]
        done += len(files)
        if not group:
            continue
        names = ", ".join(artifact.name for artifact in group)
        requests = {a.name: _request(machine, placed[a.name], threads, config) for a in group}
        outcomes = _time(machine, requests, config)
        for artifact in group:
            outcome = outcomes[artifact.name]
            if isinstance(outcome, TimedResult):
                measured[artifact, threads].append(outcome)
                continue
            refused.add(artifact)
            if len(refused) == len(artifacts):
                raise outcome
            log.warn(f"{artifact.name} is left out: {outcome}")
        log.progress.advance(done)
        if done < total and not _cool(machine, outcomes.values(), config):
            log.warn(f"{names}: the device stayed hot for {config.cool_down_s:g} s")
    return {key: processes for key, processes in measured.items() if key[0] not in refused}


def _groups(
    artifacts: Sequence[Artifact], config: BenchConfig
) -> Iterator[tuple[Sequence[Artifact], int]]:
    """Whose processes run next, on how many threads: several files side by side, or one.

    Side by side the order of the starts reverses every time, for it makes a difference to the whole
    life of a process (docs/decisions/side-by-side.md).
    """
    for number in range(config.processes):
        if config.side_by_side:
            files = artifacts[:: -1 if number % 2 else 1]
            yield from ((files, threads) for threads in config.threads)
        else:
            yield from (((file,), threads) for file in artifacts for threads in config.threads)


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


def _arranged(
    machine: Machine, files: int, config: BenchConfig
) -> tuple[BenchConfig, Sequence[str]]:
    """The configuration with `side_by_side` decided, and what has to be told of that.

    Raises:
        UsageError: side by side is asked for and cannot be.
    """
    obstacle, unexpected = "", False
    if machine.emulated:
        obstacle = f"{machine.name} is emulated: instructions are counted, which needs no turns"
    elif files < 2:
        obstacle = "one file has no other to be measured side by side with"
    elif files > machine.most_agents:
        unexpected = True
        obstacle = (
            f"{files} files are too many to be measured side by side on {machine.name}, which "
            f"takes {machine.most_agents}"
        )
    if obstacle and config.side_by_side:
        raise UsageError(f"{obstacle}; leave --side-by-side out")
    told = [f"{obstacle}: they are measured one by one, which tells less"] if unexpected else []
    if config.side_by_side is False:
        return config, ()
    return replace(config, side_by_side=not obstacle), told


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
    return {key: preflight.readable(facts[key]) for key in _FACTS if key in facts}


def _request(machine: Machine, path: str, threads: int, config: BenchConfig) -> TimeRequest:
    return TimeRequest(
        path,
        threads,
        config.kernels,
        config.cores,
        config.seed,
        config.timing,
        machine.provider,
        config.turn_ms if config.side_by_side else None,
    )


def _time(
    machine: Machine, requests: Mapping[str, TimeRequest], config: BenchConfig
) -> Mapping[str, Outcome]:
    """One process of each file."""
    if config.side_by_side:
        return time_side_by_side(machine, requests, config.deadline_s)
    return {
        name: time_alone(machine, name, request, config.deadline_s)
        for name, request in requests.items()
    }


def _cool(machine: Machine, last: Iterable[Outcome], config: BenchConfig) -> bool:
    """Waits while the device is hot; False where it still is when the time is up."""
    give_up = time.monotonic() + config.cool_down_s
    told = [process.after.temperatures_c for process in last if isinstance(process, TimedResult)]
    zones = max(told, key=preflight.hottest, default={})
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
    if not 0 < config.turn_ms <= MOST_TURN_MS:
        raise UsageError(f"a turn must take 0 to {MOST_TURN_MS} ms, not {config.turn_ms}")
    if not config.deadline_s > 0 or not config.cool_down_s >= 0:
        raise UsageError("the deadline must be more than 0 s, the cool-down at least 0 s")


def _artifact(name: str, path: Path) -> Artifact:
    return Artifact(name, str(path.resolve()), path.stat().st_size, sha256_of(path))
