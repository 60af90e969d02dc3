"""How far the two int8 files of a bundle, or one on two machines, may be apart end to end.

Two runs of one plan differ by rounding: a step here and there, which spreads. How far it spreads is
the net's; two figures at hand tell it, and the pair has to hold the wider of the two:

    the floor            what XNNPACK and LiteRT's reference kernels make of one int8 file, which
                         cannot be wrong against itself
    the nearer to float  two runs that are equally far from float are at most twice as far from
                         each other, whatever their rounding did

So a pair fails where one run is far further from float than the other, by more than rounding does
to one file: three times as far (9.5 dB) always fails. The run that is further is named. What is too
small to show end to end is found by the comparison on identical integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeconv.runtime.metrics import Figures
from edgeconv.verify.parity import whole_numbers
from edgeconv.verify.thresholds import Threshold, Thresholds

#: What rounding alone may put two right files apart in their distance from float.
_TELLING_DB = 3.0


def pair_bound(thresholds: Thresholds, floor: Figures, one: Figures, other: Figures) -> Threshold:
    """The bound of one output.

    Args:
        thresholds: the constants of that verdict.
        floor: one int8 file on two sets of kernels.
        one: a run of the pair against the float reference.
        other: its other run against the same.
    """
    if floor.equal is not None:
        return whole_numbers.pair(floor, one, other)
    by_floor = min(floor.sqnr_db, thresholds.pair_ceiling_db) - thresholds.pair_slack_db
    nearer = max(one.sqnr_db, other.sqnr_db)
    by_distance = nearer - 20 * math.log10(thresholds.pair_factor)
    return Threshold("sqnr_db", min(by_floor, by_distance))


def further(one: Figures, other: Figures, names: tuple[str, str]) -> str:
    """Which of two runs is further from float, in words; small differences accuse neither."""
    first, second = one.sqnr_db, other.sqnr_db
    if first == second or abs(first - second) < _TELLING_DB:
        return f"{names[0]} is {first:.1f} dB from float, {names[1]} {second:.1f} dB"
    far, near = sorted([(first, names[0]), (second, names[1])])
    return f"{far[1]} is further from float: {far[0]:.1f} dB, {near[1]} {near[0]:.1f} dB"


def enlarged(names: Sequence[str], floors: Sequence[Figures], useful_db: float) -> str:
    """Which outputs single steps of rounding decide, in words; "" where none does.

    Two sets of kernels round differently here and there. Where that alone puts one file further
    apart than an int8 file may be from float, the net enlarges every rounding so far, and none of
    it can be near.
    """
    decided = [
        name
        for name, floor in zip(names, floors, strict=True)
        if floor.equal is None and floor.sqnr_db < useful_db
    ]
    if not decided:
        return ""
    return (
        f"{', '.join(decided)}: where two sets of kernels round one file differently, the net "
        f"enlarges it past what {useful_db:g} dB allow, so no int8 file of these weights comes near"
    )
