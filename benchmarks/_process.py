"""Runs a command as a fresh process and says what it cost.

Keep the process that calls this small: Linux counts the memory that the caller held at the fork
towards the child's peak, so a caller that imported torch would set a floor of its own size.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_EVERY_S = 0.05
SAMPLING_SHARE = 0.05
"""Of the time may go into sampling: the kernel walks gigabytes of pages for one figure."""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall_s: from start to exit.
        cpu_s: user and system time of the process and its descendants.
        peak_mib: the largest resident set of any one process in the tree, or, where several ran
            at once, the largest sampled sum of their proportional set sizes, whichever is more.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def together(*costs: Cost) -> Cost:
    """Of processes that ran one after the other."""
    return Cost(
        sum(cost.wall_s for cost in costs),
        sum(cost.cpu_s for cost in costs),
        max(cost.peak_mib for cost in costs),
    )


def run(command: Sequence[str | Path], log: Path, accepted: Sequence[int] = (0,)) -> Cost:
    """Runs the command to its end, with edgeconv importable; output goes to `log`.

    Ends the benchmark where its exit code is not accepted, showing the end of its output.
    """
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=output, env=environment()
        )
        sampler = TreeSampler(process.pid)
        sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        sampler.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SystemExit(f"{tail}\n{' '.join(map(str, command))}: exit {process.returncode}")
    peak_mib = max(usage.ru_maxrss / 1024, sampler.peak_mib)
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak_mib)


def environment() -> Mapping[str, str]:
    """The caller's variables with this checkout first on the import path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}


class TreeSampler:
    """Watches how much memory a process and its descendants hold together (Linux)."""

    def __init__(self, pid: int) -> None:
        self.peak_mib = 0.0
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begins to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Ends sampling; `peak_mib` is final."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        wait_s = SAMPLE_EVERY_S
        while not self._done.wait(wait_s):
            start = time.perf_counter()
            tree = list(descendants(self._pid))
            if len(tree) > 1:  # a process alone is what ru_maxrss measures exactly
                self.peak_mib = max(self.peak_mib, sum(map(proportional_mib, tree)))
            wait_s = max(SAMPLE_EVERY_S, (time.perf_counter() - start) / SAMPLING_SHARE)


def descendants(pid: int) -> list[int]:
    """The process and everything it started that still runs."""
    found, queue = [], [pid]
    while queue:
        current = queue.pop()
        found.append(current)
        for children in Path(f"/proc/{current}/task").glob("*/children"):
            try:
                queue.extend(map(int, children.read_text().split()))
            except OSError:  # the thread ended between the listing and the read
                continue
    return found


def proportional_mib(pid: int) -> float:
    """A process's share of the memory it has mapped; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
