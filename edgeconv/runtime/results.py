"""What an agent measured, and how the host reads it: no value from a device is taken on trust."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from edgeconv.runtime.host import Conditions
from edgeconv.runtime.plain import foreign, plain
from edgeconv.runtime.session import ENGINES, PROVIDERS, EngineName, Provider
from edgeconv.runtime.timing import Timing

_Name = TypeVar("_Name", bound=str)

_MOST_ZONES = 64
_MOST_OPERATORS = 100_000


@dataclass(frozen=True)
class TimedResult:
    """What one process measured.

    Attributes:
        engine: the engine that ran the file.
        import_ms: importing the engine.
        load_ms: opening the file and preparing it, to the point of the first inference.
        timing: the runs.
        rss_engine_bytes: memory held with the engine imported and no file open.
        rss_peak_bytes: the most memory ever held.
        before, after: the device before the file was opened and after the last run.
        instructions: executed for one inference; None but on emulated devices, which count them.
        provider: what computed, as the engine itself says.
        batch: images in one inference, the first dimension of the first input.
    """

    engine: EngineName
    import_ms: float
    load_ms: float
    timing: Timing
    rss_engine_bytes: int | None
    rss_peak_bytes: int | None
    before: Conditions
    after: Conditions
    instructions: int | None = None
    provider: Provider = "cpu"
    batch: int = 1


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


def read_timed(message: Mapping[str, Any]) -> TimedResult:
    """The result in a "timed" message.

    Raises:
        ValueError: a field is missing, of another type, or no possible measurement.
    """
    try:
        told = message["timing"]
        samples = tuple(natural(ns) for ns in told["samples_ns"])
        timing = Timing(
            natural(told["first_ns"]),
            natural(told["warmup_runs"]),
            told["steady"] is True,
            samples,
        )
        result = TimedResult(
            engine=one_of(ENGINES, message["engine"], "engine"),
            import_ms=finite(message["import_ms"], "duration", low=0),
            load_ms=finite(message["load_ms"], "duration", low=0),
            timing=timing,
            rss_engine_bytes=_optional_natural(message["rss_engine_bytes"]),
            rss_peak_bytes=_optional_natural(message["rss_peak_bytes"]),
            before=_conditions(message["before"]),
            after=_conditions(message["after"]),
            instructions=_optional_natural(message.get("instructions")),
            provider=one_of(PROVIDERS, message.get("provider", "cpu"), "provider"),
            batch=natural(message.get("batch", 1)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(misshapen(error)) from error
    if not samples:
        raise ValueError("no timed run")
    return result


def read_profile(message: Mapping[str, Any]) -> Profile:
    """The profile in a "profiled" message; raises ValueError where it holds none."""
    try:
        told = message["operators"]
        if not 0 < len(told) <= _MOST_OPERATORS:
            raise ValueError(f"{len(told)} operators")
        operators = tuple(
            OperatorTime(
                foreign(one["name"]), foreign(one["kind"]), finite(one["ms"], "duration", low=0)
            )
            for one in told
        )
        engine = one_of(ENGINES, message["engine"], "engine")
    except (KeyError, TypeError) as error:
        raise ValueError(misshapen(error)) from error
    return Profile(engine, operators)


def misshapen(error: KeyError | TypeError | AttributeError) -> str:
    """What is wrong with a message in which a value was looked for where there is none."""
    if isinstance(error, KeyError):
        return f"it holds no {plain(error.args[0], 40)}"
    return "a value in it is of another kind than belongs there"


def natural(value: Any) -> int:
    """A whole number from 0 to 2^63 - 1; raises ValueError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"{plain(value, 40)} is no whole number from 0")
    return value


def _conditions(told: Mapping[str, Any]) -> Conditions:
    zones = told["temperatures_c"].items()
    if len(zones) > _MOST_ZONES or len(told["frequencies_mhz"]) > _MOST_ZONES:
        raise ValueError(f"more than {_MOST_ZONES} thermal zones or frequencies")
    return Conditions(
        {str(zone)[:80]: finite(celsius, "temperature", low=-273.15) for zone, celsius in zones},
        tuple(natural(mhz) for mhz in told["frequencies_mhz"]),
    )


def one_of(known: Sequence[_Name], value: Any, what: str) -> _Name:
    """The known name that `value` is; raises ValueError for anything else, calling it no `what`."""
    if value not in known:
        raise ValueError(f"{plain(value, 40)} is no {what}")
    return known[known.index(value)]


def finite(value: Any, what: str, *, low: float) -> float:
    """A number from `low` on; raises ValueError for anything else, calling it no `what`."""
    if not isinstance(value, int | float) or not low <= value <= sys.float_info.max:
        raise ValueError(f"{plain(value, 40)} is no {what}")
    return float(value)


def _optional_natural(value: Any) -> int | None:
    return None if value is None else natural(value)
