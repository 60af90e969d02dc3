"""What about a machine would spoil a measurement, said before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeconv.runtime.host import HostFacts

#: Share of the cores that may be busy with other work.
BUSY_SHARE = 0.5
#: Boards begin to throttle at 80 to 85 degrees.
HOT_C = 75.0


def warnings(facts: HostFacts, threads: Sequence[int]) -> tuple[str, ...]:
    """One sentence for each thing, with the way out; empty where nothing is wrong."""
    return tuple(_warnings(facts, threads))


def _warnings(facts: HostFacts, threads: Sequence[int]) -> Iterator[str]:
    if facts.load_1min is not None and facts.load_1min > BUSY_SHARE * facts.usable_cores:
        yield (
            f"the load average is {facts.load_1min:.1f} on {facts.usable_cores} cores: other "
            "programs compete for the CPU, end them for figures one can trust"
        )
    slow = [governor for governor in facts.governors if governor != "performance"]
    if slow:
        yield (
            f"the frequency governor is {', '.join(slow)}: the clock may change while measuring; "
            "`cpupower frequency-set -g performance` holds it"
        )
    hot = {zone: t for zone, t in facts.temperatures_c.items() if t >= HOT_C}
    if hot:
        zone = max(hot, key=lambda name: hot[name])
        yield f"{zone} is at {hot[zone]:.0f} °C: the CPU may throttle; let it cool down first"
    if max(threads, default=1) > facts.usable_cores:
        yield (
            f"{max(threads)} threads on {facts.usable_cores} usable cores: threads will wait for "
            "each other"
        )
