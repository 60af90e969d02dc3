"""This machine as a device: each measurement in a fresh process, interleaved.

With files A and B, processes run A B A B ...: what drifts over minutes (temperature, other load)
falls on all alike.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import edgeconv.runtime
from edgeconv.devices import preflight
from edgeconv.devices.conversation import converse
from edgeconv.devices.report import Artifact, BenchConfig, BenchReport, BenchResult
from edgeconv.errors import DeviceFailed, UsageError
from edgeconv.runtime.host import host_facts
from edgeconv.runtime.messages import TimedResult, TimeRequest, read_timed
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.stats import summarize

NAME = "local"

_LARGEST_COUNT = 1024


def _ignore(*_told: object) -> None:
    """Nobody listens."""


def bench(
    paths: Mapping[str, Path],
    config: BenchConfig | None = None,
    *,
    on_progress: Callable[[int, int, str], None] = _ignore,
    on_warning: Callable[[str], None] = _ignore,
    command: Sequence[str] | None = None,
) -> BenchReport:
    """Measures the latency and memory of model files on this machine.

    Args:
        paths: name -> file.
        config: how to measure.
        on_progress: called before each process with (done, all, what is measured next).
        on_warning: told, before the first process, each thing that may spoil the figures; they
            are in the report too.
        command: the agent's command line; the default is this Python with edgeconv's agent.

    Raises:
        ArtifactRefused: an engine cannot load or run a file.
        UnavailableError: an engine is not installed.
        DeviceFailed: a measuring process died, hung or answered nonsense; the message names it.
        UsageError: no file, a missing file, or a configuration that cannot be.
    """
    config = config or BenchConfig()
    _check(paths, config)
    facts = host_facts()
    warnings = preflight.warnings(facts, config.threads)
    for warning in warnings:
        on_warning(warning)
    artifacts = [_artifact(name, path) for name, path in paths.items()]
    turns = [(artifact, threads) for artifact in artifacts for threads in config.threads]
    measured: dict[tuple[Artifact, int], list[TimedResult]] = {turn: [] for turn in turns}
    total = config.processes * len(turns)
    for done, (artifact, threads) in enumerate(turns * config.processes):
        on_progress(done, total, f"{artifact.name}, {threads} thread(s)")
        result = _time(artifact, threads, config, command or agent_command())
        measured[artifact, threads].append(result)
    results = tuple(
        _result(artifact, threads, processes, config.seed)
        for (artifact, threads), processes in measured.items()
    )
    return BenchReport(NAME, facts.to_json(), config, warnings, results)


def _result(
    artifact: Artifact, threads: int, processes: list[TimedResult], seed: int
) -> BenchResult:
    latency = summarize([p.timing.samples_ns for p in processes], seed=seed)
    return BenchResult(artifact, threads, latency, tuple(processes))


def agent_command() -> list[str]:
    """Runs the agent with this interpreter; `-P` keeps the working directory off its path."""
    return [sys.executable, "-P", "-m", "edgeconv.runtime.agent"]


def _time(
    artifact: Artifact, threads: int, config: BenchConfig, command: Sequence[str]
) -> TimedResult:
    request = TimeRequest(artifact.path, threads, config.kernels, config.seed, config.timing)
    what = f"{artifact.name} on {threads} thread(s)"
    try:
        messages = converse(
            command, request.to_line(), deadline_s=config.deadline_s, env=_environment()
        )
    except DeviceFailed as error:
        raise DeviceFailed(f"{what}: {error}") from error
    try:
        return read_timed(messages[-1])
    except ValueError as error:
        raise DeviceFailed(f"{what}: the measuring process answered nonsense: {error}") from error


def _environment() -> dict[str, str]:
    """This process's, with the edgeconv that is running here first on the agent's path."""
    root = str(Path(edgeconv.runtime.__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}


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
    if not config.deadline_s > 0:
        raise UsageError(f"the deadline must be more than 0 s, not {config.deadline_s:g}")


def _artifact(name: str, path: Path) -> Artifact:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(name, str(path.resolve()), path.stat().st_size, digest)
