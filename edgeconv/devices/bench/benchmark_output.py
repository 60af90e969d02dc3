"""Reads what Google's benchmark_model prints; nothing in it is taken on trust.

It logs two lines of statistics in microseconds, first of the warm-up, then of the timed runs:

    count=50 first=249042 curr=250889 min=247067 max=254474 avg=249684 std=1442 ...

and where all runs took the same only `count=1 curr=1409`; recent ones add p5, median and p95. With
--enable_op_profiling=true come tables of operators, whose columns differ from version to version
and are found by their headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeconv.runtime.results import OperatorTime

_MOST_OPERATORS = 100_000
_LONGEST_LINE = 10_000
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?(?:e\+?[0-9]{1,2})?"
_FIGURES = rf"(?: [a-z0-9]{{1,10}}={_NUMBER}){{1,20}}"
_STATISTICS = re.compile(
    rf"(?:INFO: )?count=[0-9]{{1,9}}{_FIGURES}(?:\(all same\)(?:{_FIGURES})?)?"
)
#: What a line of statistics is reduced to where all runs took the same.
_OF_ONE = frozenset({"count", "curr", "p5", "median", "p95"})
_TIMINGS = re.compile(
    rf"Inference timings in us: Init: ({_NUMBER}), First inference: ({_NUMBER}), "
    rf"Warmup \(avg\): ({_NUMBER}), Inference \(avg\): ({_NUMBER})"
)
_OPERATORS_BEGIN = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_RUN_ORDER = re.compile(r"=+ Run Order =+")
_TYPE, _MS, _CALLS, _NAME = "[node type]", "[avg ms]", "[times called]", "[Name]"
_INSIDE_A_DELEGATE = "Delegate/"
_DELEGATE = re.compile(r"TfLite\w*Delegate")


@dataclass(frozen=True)
class Statistics:
    """What benchmark_model tells of its timed runs in one process: statistics, not the runs.

    Attributes:
        runs: timed runs.
        mean_ms, min_ms, max_ms, std_ms: of the timed runs.
        median_ms: of them; None from versions that do not tell.
        first_ms: the first inference of all.
        init_ms: loading the file and preparing it.
    """

    runs: int
    mean_ms: float
    min_ms: float
    max_ms: float
    std_ms: float
    median_ms: float | None
    first_ms: float
    init_ms: float


@dataclass(frozen=True)
class Benchmarked:
    """What benchmark_model tells of one file on one number of threads.

    Attributes:
        artifact: what the user calls the file.
        threads: of the interpreter.
        processes: of each fresh process, in the order they ran.
        operators: in the order they ran, of a process of their own; empty where nobody asked.
    """

    artifact: str
    threads: int
    processes: tuple[Statistics, ...]
    operators: tuple[OperatorTime, ...] = ()


def read_statistics(output: str) -> Statistics:
    """The statistics in what benchmark_model printed.

    Raises:
        ValueError: they are not there, or cannot be.
    """
    lines = [line.strip() for line in output.splitlines() if len(line) <= _LONGEST_LINE]
    timings = [found for line in lines if (found := _TIMINGS.search(line))]
    statistics = [line for line in lines if _STATISTICS.fullmatch(line)]
    if len(timings) != 1 or len(statistics) != 2:
        raise ValueError(
            f"{len(statistics)} lines of statistics and {len(timings)} of timings, not 2 and 1"
        )
    us = dict(re.findall(rf"([a-z0-9]+)=({_NUMBER})", statistics[-1]))
    if "curr" in us and set(us) <= _OF_ONE:
        us |= {"avg": us["curr"], "min": us["curr"], "max": us["curr"], "std": "0"}
    try:
        ms = {key: float(us[key]) / 1e3 for key in ("avg", "min", "max", "std")}
    except KeyError as error:
        raise ValueError(f"its statistics do not tell {error}") from error
    # Means are printed with six digits.
    if not ms["min"] * (1 - 1e-5) <= ms["avg"] <= ms["max"] * (1 + 1e-5) or int(us["count"]) < 1:
        raise ValueError(f"impossible statistics: {statistics[-1][:200]}")
    return Statistics(
        runs=int(us["count"]),
        mean_ms=ms["avg"],
        min_ms=ms["min"],
        max_ms=ms["max"],
        std_ms=ms["std"],
        median_ms=float(us["median"]) / 1e3 if "median" in us else None,
        first_ms=float(timings[0][2]) / 1e3,
        init_ms=float(timings[0][1]) / 1e3,
    )


def read_operators(output: str) -> tuple[OperatorTime, ...]:
    """The operators in the tables of the timed runs, in the order they ran.

    A delegate's row is left out where the operators inside of it are told of, too.

    Raises:
        ValueError: there is no such table, or it holds what cannot be.
    """
    _, begin, tables = output.partition(_OPERATORS_BEGIN)
    found = list(_rows(tables.splitlines()))
    if not begin or not 0 < len(found) <= _MOST_OPERATORS:
        raise ValueError(f"{len(found)} operators in its profile")
    if any(one.name.startswith(_INSIDE_A_DELEGATE) for one in found):
        found = [one for one in found if not _DELEGATE.fullmatch(one.kind)]
    return tuple(found)


def _rows(lines: Sequence[str]) -> Iterator[OperatorTime]:
    """The rows of every table in run order; each ends with an empty line."""
    columns: list[str] = []
    awaited = False
    for line in lines:
        cells = [cell.strip() for cell in line[:_LONGEST_LINE].strip("\t").split("\t")]
        if _RUN_ORDER.search(line):
            awaited, columns = True, []
        elif awaited:
            awaited, columns = False, cells
            if not {_TYPE, _MS, _NAME} <= set(columns):
                raise ValueError(f"an unknown table: {line[:200]}")
        elif not line.strip():
            columns = []
        elif columns:
            yield _operator(dict(zip(columns, cells, strict=False)))


def _operator(row: dict[str, str]) -> OperatorTime:
    """One row; its time is the mean of a call, and a node may be called several times a run."""
    try:
        ms, calls = row[_MS], row.get(_CALLS, "1")
        if not re.fullmatch(_NUMBER, ms) or not re.fullmatch("[0-9]{1,9}", calls):
            raise ValueError(f"{ms[:40]} and {calls[:40]} are no time and no number of calls")
        name = row[_NAME][:200]
    except KeyError as error:
        raise ValueError(f"a row of its profile lacks {error}") from error
    # Old versions tell of no calls at all.
    return OperatorTime(name, row[_TYPE][:200], float(ms) * max(1, int(calls)))
