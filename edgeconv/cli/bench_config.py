"""How bench measures, from what the command line says and the device is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeconv.cli.options import arguments
from edgeconv.cli.options.bench import MOST_RUNS, Measuring
from edgeconv.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from edgeconv.devices.bench.config import BenchConfig
    from edgeconv.devices.profile.model import Profile
    from edgeconv.runtime.timing import TimingConfig

_MOST_THREADS = 64
_MOST_CORES = 1023
_LEAST_SECONDS, _MOST_SECONDS = 0.01, 600.0


def config(measuring: Measuring, chosen: Profile, targets: int) -> BenchConfig:
    """The configuration; raises UsageError where the options exclude each other."""
    from edgeconv.devices.bench.config import BenchConfig

    together = _arrangement(measuring, targets)
    timing = _timing(measuring.runs, measuring.seconds)
    return BenchConfig(
        threads=tuple(
            arguments.integers("--threads", measuring.threads, low=1, high=_MOST_THREADS)
        ),
        processes=measuring.processes or _processes(together, chosen),
        timing=timing,
        cores=_cores(measuring.pin, chosen),
        deadline_s=BenchConfig.deadline_s + timing.seconds,
        side_by_side=together,
    )


def _arrangement(measuring: Measuring, targets: int) -> bool | None:
    """Whether files take turns; None leaves it to what the machine can."""
    if measuring.side_by_side and measuring.one_by_one:
        raise UsageError("--side-by-side and --one-by-one exclude each other; give one")
    if measuring.side_by_side:
        return True
    return False if measuring.one_by_one or targets == 1 else None


def _processes(side_by_side: bool | None, chosen: Profile) -> int:
    """Processes where nobody says: more where they are to be compared in pairs."""
    from edgeconv.devices.bench.config import PAIRED_PROCESSES, BenchConfig

    is_paired = side_by_side is not False and not chosen.emulated
    return PAIRED_PROCESSES if is_paired else BenchConfig.processes


def _cores(pin: str | None, chosen: Profile) -> tuple[int, ...]:
    """The cores to run on, by a cluster's name or by their numbers."""
    if pin is None:
        return ()
    for cluster in chosen.clusters:
        if cluster.name == pin:
            return cluster.cores
    if not pin.replace(",", "").isdigit():
        known = [cluster.name for cluster in chosen.clusters]
        raise UnknownName(
            f"cluster of {chosen.name}",
            pin,
            known,
            f"It has {', '.join(known) or 'none by name'}; numbers such as 4,5 are allowed too",
        )
    return tuple(arguments.integers("--pin", pin, low=0, high=_MOST_CORES))


def _timing(runs: int | None, seconds: float | None) -> TimingConfig:
    """A number of timed runs, or a time for them; neither is a short time."""
    from edgeconv.runtime.timing import TimingConfig

    if seconds is None:
        return TimingConfig(runs=runs)
    if runs is not None:
        raise UsageError("--runs and --seconds both say how long to measure; give one")
    if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        raise UsageError(
            f"--seconds {seconds:g}: {_LEAST_SECONDS:g} to {_MOST_SECONDS:g} are allowed"
        )
    return TimingConfig(seconds=seconds, most_runs=MOST_RUNS)
