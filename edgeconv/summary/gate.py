"""Did any row get worse than in a report of before, or is it chance?

A comparison of what scatters gives a p-value: how often a change as large would be seen if the row
were worse by no more than what is allowed. They are corrected for their number by Holm's method
(S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70; SciPy has none), so that a report in
which nothing changed fails in one case of twenty at most, however many rows it has. What does not
scatter (parity, sizes, instructions) is judged as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgeconv.summary.changes import Allowed, Compared, Unsure, changes
from edgeconv.summary.row import Collection, Row

#: How often a report in which nothing got worse may fail.
_LEVEL = 0.05


@dataclass(frozen=True)
class Verdict:
    """A report against one of before.

    Attributes:
        compared: what was, the least likely first.
        unsure: rows whose figures tell nothing, and why.
        gone: rows that only the report of before has.
        new: rows that it has not.
    """

    compared: tuple[Compared, ...]
    unsure: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def worse(self) -> tuple[Compared, ...]:
        """What got worse."""
        return tuple(one for one in self.compared if one.is_worse)


def judge(before: Collection, now: Collection, allowed: Allowed) -> Verdict:
    """Compares the rows that both have; see the module."""
    old, new = _by_key(before), _by_key(now)
    both = [key for key in old if key in new]
    alone = [key for key in both if len(old[key]) == len(new[key]) == 1]
    found = [one for key in alone for one in changes(old[key][0], new[key][0], allowed)]
    unsure = [one for one in found if isinstance(one, Unsure)]
    unsure += [
        Unsure(new[key][0].title, "several files are called so; report one of them")
        for key in both
        if key not in alone
    ]
    certain = [one for one in found if isinstance(one, Compared) and one.p_value is None]
    certain.sort(key=lambda one: not one.is_worse)
    return Verdict(
        (*certain, *_corrected([one for one in found if isinstance(one, Compared)])),
        tuple(f"{one.row}: {one.why}" for one in unsure),
        tuple(row.title for key in old if key not in new for row in old[key]),
        tuple(row.title for key in new if key not in old for row in new[key]),
    )


def _by_key(found: Collection) -> dict[tuple[str, ...], list[Row]]:
    rows: dict[tuple[str, ...], list[Row]] = {}
    for row in found.rows:
        rows.setdefault(row.key, []).append(row)
    return rows


def _corrected(found: Sequence[Compared]) -> Iterator[Compared]:
    """Holm's: the least p-value against the level over all, the next over one less, and so on."""
    scattered = [(one.p_value, one) for one in found if one.p_value is not None]
    scattered.sort(key=lambda pair: pair[0])
    holds = True
    for place, (p_value, one) in enumerate(scattered):
        holds = holds and p_value <= _LEVEL / (len(scattered) - place)
        yield replace(one, is_worse=holds)
