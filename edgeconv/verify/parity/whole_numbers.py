"""How outputs of whole numbers and truth values are judged: by the share of equal values.

An arg max of two logits that are nearly equal is either, in a right file too. So

    a float file      gives every value that is sure: that noise as small as such a file may be off
                      leaves (`export.sources.doubt` found out in PyTorch)
    any other file    gives at least the share of values that noise leaves which is as loud as the
                      bound of reals allows
    two int8 files    differ at most as often as the floor says, or the nearer one from float, as
                      `pair` has it for reals

A share of few values moves by chance: two values, and twice its standard error, are let pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeconv.runtime.metrics import Figures, Whole, compare_whole, is_whole
from edgeconv.verify.parity.expected import Expected, Outputs
from edgeconv.verify.thresholds import Threshold

ALL = Threshold("equal", 1.0)
#: Share of values that kernels of another machine may turn over.
_APART = 0.1
#: Values of few that rounding may turn over.
_SPARED = 2


def of_float(
    expected: Expected,
    outputs: Outputs,
    figures: Sequence[Figures],
    bounds: Sequence[Threshold],
) -> tuple[tuple[Figures, ...], tuple[Threshold, ...]]:
    """Figures and bounds of a float file's outputs: those of reals as given, the others over all
    that is sure.
    """
    found, limits = list(figures), list(bounds)
    pairs = zip(expected.outputs.items(), outputs, strict=True)
    for index, ((name, reference), made) in enumerate(pairs):
        if is_whole(reference):
            known = expected.whole.get(name)
            sure = None if known is None else known.sure[: len(made)]
            found[index], limits[index] = compare_whole(reference[: len(made)], made, sure), ALL
    return tuple(found), tuple(limits)


def of_rounded(
    expected: Expected, figures: Sequence[Figures], bound: Threshold
) -> tuple[Threshold, ...]:
    """The bound of each output of a file of a smaller precision."""
    names = zip(expected.outputs, figures, strict=True)
    return tuple(
        bound if found.equal is None else _steady(expected.whole.get(name), found)
        for name, found in names
    )


def pair(floor: Figures, one: Figures, other: Figures) -> Threshold:
    """The bound of two runs of one plan; arguments as those of `pair.pair_bound`."""
    nearer = min(one.relative_error, other.relative_error)
    apart = max(floor.relative_error, 2 * nearer)
    return Threshold("equal", _less_chance(1 - apart, floor.values))


def again(floor: Figures | None, values: int) -> Threshold:
    """The bound of a file held against itself at the export, whose two sets of kernels differed so.

    Args:
        floor: of these two; None where it ran on one of them alone.
        values: how many are compared.
    """
    apart = _APART if floor is None else 2 * floor.relative_error
    return Threshold("equal", _less_chance(1 - apart, values))


def _steady(known: Whole | None, found: Figures) -> Threshold:
    share = 0.0 if known is None else float(known.steady[: found.samples].mean())
    return Threshold("equal", _less_chance(share, found.values))


def _less_chance(share: float, values: int) -> float:
    error = math.sqrt(max(share * (1 - share), 0.0) / max(values, 1))
    return max(0.0, share - 2 * error - _SPARED / max(values, 1))
