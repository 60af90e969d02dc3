"""How to bench, and what is taken where nobody says."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeconv.runtime.session import Kernels
from edgeconv.runtime.timing import TimingConfig

#: Fresh processes where files are measured side by side: two more than a comparison in pairs needs.
PAIRED_PROCESSES = 10


@dataclass(frozen=True)
class BenchConfig:
    """How to bench.

    Attributes:
        threads: numbers of intra-operator threads to measure, each on its own.
        processes: fresh processes for each file and number of threads.
        timing: warm-up and timed runs of one process.
        kernels: as in SessionOptions.
        cores: the cores to run on; empty for all.
        deadline_s: seconds one process may take in all, its waiting for turns left out.
        cool_down_s: seconds to wait, at most, for a hot device before each next process.
        side_by_side: whether one process of each file is alive at a time, and these take turns;
            False runs processes one by one, None does what the machine can. All files of a number
            of threads are in memory together.
        turn_ms: how long the timed runs of a turn take. Long beside what the change from one
            process to another costs, short beside the moments at which a machine's speed changes.
        seed: of the random inputs and of the bootstrap.
    """

    threads: tuple[int, ...] = (1,)
    processes: int = 5
    timing: TimingConfig = field(default_factory=TimingConfig)
    kernels: Kernels = "default"
    cores: tuple[int, ...] = ()
    deadline_s: float = 120.0
    cool_down_s: float = 60.0
    side_by_side: bool | None = False
    turn_ms: float = 30.0
    seed: int = 0
