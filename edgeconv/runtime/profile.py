"""What each operator of a file takes, as its engine's own profiler tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeconv.runtime.open import engine_of
from edgeconv.runtime.results import engine_name, finite, misshapen
from edgeconv.runtime.session import EngineName

#: Runs that are thrown away before those that are profiled.
WARMUP_RUNS = 5
_MOST_OPERATORS = 100_000


@dataclass(frozen=True)
class OperatorTime:
    """One operator.

    Attributes:
        name: what the engine calls it; empty where it has no name for it.
        kind: the operator in the engine's words; LiteRT tells of XNNPACK's microkernels.
        ms: time of one run, the typical one of several.
    """

    name: str
    kind: str
    ms: float


@dataclass(frozen=True)
class Profile:
    """Every operator of a file.

    Attributes:
        engine: what ran it.
        operators: in the order they ran; an engine may have joined or added some.
    """

    engine: EngineName
    operators: tuple[OperatorTime, ...]

    @property
    def total_ms(self) -> float:
        """Of all operators."""
        return sum(operator.ms for operator in self.operators)

    def by_kind(self) -> dict[str, tuple[int, float]]:
        """Kind -> number of operators and their ms, the most time first."""
        found: dict[str, tuple[int, float]] = {}
        for operator in self.operators:
            number, ms = found.get(operator.kind, (0, 0.0))
            found[operator.kind] = number + 1, ms + operator.ms
        return dict(sorted(found.items(), key=lambda pair: -pair[1][1]))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"engine": self.engine, "operators": [asdict(o) for o in self.operators]}


def profile(path: Path, threads: int, runs: int) -> Profile:
    """Profiles a file on random inputs; profiling itself makes each run somewhat slower.

    Raises:
        ArtifactRefused: the engine cannot load or run it.
        UnavailableError: the engine is not installed, or cannot profile.
    """
    if engine_of(path) == "litert":
        from edgeconv.runtime import profile_litert

        return Profile("litert", tuple(profile_litert.operators(path, threads, runs)))
    from edgeconv.runtime import profile_ort

    return Profile("onnxruntime", tuple(profile_ort.operators(path, threads, runs)))


def typical(took: Sequence[float]) -> float:
    """The mean of the middle half of the runs.

    A run that something else came into counts for nothing, as in the median; a median would have
    the engines' grid of whole microseconds.
    """
    ordered = sorted(took)
    cut = len(ordered) // 4
    middle = ordered[cut : len(ordered) - cut]
    return sum(middle) / len(middle)


def read_profile(message: Mapping[str, Any]) -> Profile:
    """The profile in a "profiled" message; raises ValueError where it holds none."""
    try:
        told = message["operators"]
        if not 0 < len(told) <= _MOST_OPERATORS:
            raise ValueError(f"{len(told)} operators")
        operators = tuple(
            OperatorTime(
                _text(one["name"]), _text(one["kind"]), finite(one["ms"], "duration", low=0)
            )
            for one in told
        )
        engine = engine_name(message["engine"])
    except (KeyError, TypeError) as error:
        raise ValueError(misshapen(error)) from error
    return Profile(engine, operators)


def _text(value: Any) -> str:
    return "".join(c for c in str(value)[:200] if c.isprintable())
