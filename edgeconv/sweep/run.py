"""Runs a sweep's cells one after the other: nothing is measured beside an export or a bench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from edgeconv.sweep import work
from edgeconv.sweep.cell import Cell
from edgeconv.sweep.plan import Plan
from edgeconv.sweep.results import Result, Results

#: Of a cell before it is run.
State = Literal["done", "to do"]


class Begins(Protocol):
    """Told of a cell that begins, and how many exports are through."""

    def __call__(self, cell: Cell, *, through: int) -> None:
        """Before it runs."""
        ...


@dataclass(frozen=True)
class Row:
    """A cell and how it ended.

    Attributes:
        cell: the cell.
        result: its result.
        ran: whether it ran now; a result that was there is taken as it is.
    """

    cell: Cell
    result: Result
    ran: bool


def states(plan: Plan, results: Results) -> list[tuple[Cell, State]]:
    """Every cell that can be told without running one, and whether its result is there."""
    found: list[tuple[Cell, State]] = []
    for export in plan.exports():
        cells, done = [export], results.finished(export)
        if done is not None and done.left_bundle:
            cells += plan.of_bundle(export, results.bundle(export))
        found += [(cell, "to do" if results.finished(cell) is None else "done") for cell in cells]
    return found


def run(plan: Plan, results: Results, begins: Begins) -> Iterator[Row]:
    """Runs what has no result yet, net by net; a failure is a row too.

    Args:
        plan: what is swept.
        results: where they are kept, each as soon as it is there.
        begins: told before each run.
    """
    seen: set[str] = set()
    for through, export in enumerate(plan.exports()):
        begin = partial(begins, through=through)
        made = _row(export, plan, results, begin)
        yield made
        if not made.result.left_bundle or not results.made(export):
            continue
        for cell in plan.of_bundle(export, results.bundle(export)):
            if cell.digest not in seen:
                seen.add(cell.digest)
                yield _row(cell, plan, results, begin)


def _row(cell: Cell, plan: Plan, results: Results, begin: Callable[[Cell], None]) -> Row:
    there = results.finished(cell)
    if there is not None:
        return Row(cell, there, ran=False)
    begin(cell)
    result = work.run(cell, results.bundle(cell), plan.limits)
    results.write(cell, result)
    return Row(cell, result, ran=True)
