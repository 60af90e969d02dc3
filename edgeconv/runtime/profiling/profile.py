"""What each operator of a file takes, as its engine's own profiler tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv.runtime.open import engine_of
from edgeconv.runtime.profiling import litert as profile_litert
from edgeconv.runtime.profiling import ort as profile_ort
from edgeconv.runtime.results import OperatorTime, Profile

#: Runs that are thrown away before those that are profiled.
WARMUP_RUNS = 5


def profile(path: Path, threads: int, runs: int) -> Profile:
    """Profiles a file on random inputs; profiling itself makes each run somewhat slower.

    Raises:
        ArtifactRefused: the engine cannot load or run it.
        UnavailableError: the engine is not installed, or cannot profile.
    """
    if engine_of(path) == "litert":
        told = profile_litert.operators(path, threads, WARMUP_RUNS, runs)
        return Profile("litert", tuple(OperatorTime("", kind, typical(ms)) for kind, ms in told))
    found = profile_ort.operators(path, threads, WARMUP_RUNS, runs)
    operators = (OperatorTime(name, kind, typical(ms)) for name, kind, ms in found)
    return Profile("onnxruntime", tuple(operators))


def typical(took: Sequence[float]) -> float:
    """The mean of the middle half of the runs.

    A run that something else came into counts for nothing, as in the median; a median would have
    the engines' grid of whole microseconds.
    """
    ordered = sorted(took)
    cut = len(ordered) // 4
    middle = ordered[cut : len(ordered) - cut]
    return sum(middle) / len(middle)
