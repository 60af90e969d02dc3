"""What about a device would spoil a measurement, said before it is made.

The facts come from an agent, so nothing in them is taken on trust: what is not of the type it
should be counts as not told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from edgeconv.runtime.plain import foreign

#: Share of the cores that may be busy with other work.
BUSY_SHARE = 0.5
#: Boards begin to throttle at 80 to 85 degrees.
HOT_C = 75.0
#: Zones, governors, versions: no device has more.
_MOST_TOLD = 64


def warnings(facts: Mapping[str, Any], threads: Sequence[int]) -> tuple[str, ...]:
    """One sentence for each thing, with the way out; empty where nothing is wrong.

    Args:
        facts: the fields of `HostFacts`.
        threads: numbers of threads that will be measured.
    """
    return tuple(_warnings(facts, threads))


def temperatures(facts: Mapping[str, Any]) -> dict[str, float]:
    """Degrees Celsius of each thermal zone the facts tell."""
    told = facts.get("temperatures_c")
    zones = told.items() if isinstance(told, Mapping) else ()
    return {foreign(zone): float(t) for zone, t in zones if _is_number(t)}


def readable(told: Any, levels: int = 2) -> Any:
    """What a device tells, no more of it than a person reads; None for what is nested deeper."""
    if isinstance(told, str):
        return foreign(told)
    if isinstance(told, list | dict) and not levels:
        return None
    if isinstance(told, list):
        return [readable(one, levels - 1) for one in told[:_MOST_TOLD]]
    if isinstance(told, dict):
        some = list(told.items())[:_MOST_TOLD]
        return {foreign(key): readable(one, levels - 1) for key, one in some}
    return told


def hottest(zones: Mapping[str, float]) -> float:
    """The highest temperature; minus infinity where none is known."""
    return max(zones.values(), default=float("-inf"))


def _warnings(facts: Mapping[str, Any], threads: Sequence[int]) -> Iterator[str]:
    load, cores = facts.get("load_1min"), facts.get("usable_cores")
    if _is_number(load) and _is_number(cores) and load > BUSY_SHARE * cores:
        yield (
            f"the load average is {load:.1f} on {cores} cores: other "
            "programs compete for the CPU, end them for figures one can trust"
        )
    governors = facts.get("governors")
    named = [foreign(g) for g in governors] if isinstance(governors, list | tuple) else []
    slow = [governor for governor in named if governor != "performance"]
    if slow:
        yield (
            f"the frequency governor is {', '.join(slow)}: the clock may change while measuring; "
            "`cpupower frequency-set -g performance` holds it"
        )
    zones = temperatures(facts)
    if hottest(zones) >= HOT_C:
        zone = max(zones, key=lambda name: zones[name])
        yield f"{zone} is at {zones[zone]:.0f} °C: the CPU may throttle; let it cool down first"
    if _is_number(cores) and max(threads, default=1) > cores:
        yield (f"{max(threads)} threads on {cores} usable cores: threads will wait for each other")

    versions = facts.get("versions")
    if isinstance(versions, Mapping) and "glibc" in versions:
        yield (
            f"figures from glibc {foreign(versions['glibc'])}, which the native agent brings "
            "along: on Android, apps run on another C library"
        )


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
