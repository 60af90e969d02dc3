"""The gate finds what got worse, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.summary.gate import Allowed, Verdict, judge
from tests.summary.made import accuracy, collection, latency, row

ALLOWED = Allowed(slower_percent=5.0, points=0.5)


def timed(scale: float, rng: np.random.Generator) -> list[float]:
    return [scale * float(rng.lognormal(0, 0.02)) for _ in range(5)]


def judged(rows: int, worse: float, seed: int) -> Verdict:
    """A report of many rows, of which the first is slower and less right by a factor of bounds."""
    rng = np.random.default_rng(seed)
    sides = []
    for is_now in (False, True):
        made = []
        for i in range(rows):
            factor = worse if is_now and i == 0 else 0.0
            scale = 3.0 * (1 + 0.05 * factor)
            lost = int(rng.binomial(5000, 0.01 + 0.005 * factor))
            right = accuracy(lost, int(rng.binomial(5000, 0.01)), 5000)
            made.append(row(f"net {i}", latency=latency(*timed(scale, rng)), accuracy=right))
        sides.append(collection(*made))
    return judge(sides[0], sides[1], ALLOWED)


def test_a_report_in_which_nothing_changed_passes_whatever_its_length() -> None:
    failed = sum(bool(judged(30, 0.0, seed).worse) for seed in range(200))
    assert failed <= 10 + 8  # one in twenty at most; this many once in a hundred such tests


def test_rows_just_at_the_bound_are_let_pass_in_nineteen_of_twenty() -> None:
    failed = sum(bool(judged(2, 1.0, seed).worse) for seed in range(200))
    assert failed <= 10 + 8


def test_what_is_worse_by_five_times_the_bound_is_found_among_thirty_rows() -> None:
    for seed in range(20):
        found = {(one.row, one.figure) for one in judged(30, 5.0, seed).worse}
        assert {figure for _, figure in found} == {"latency", "top-1"}
        assert all(title.startswith("net 0 ") for title, _ in found)


def test_noisy_rows_prove_nothing_and_are_named() -> None:
    old = collection(row("a", latency=latency(1, 1, 1)))
    new = collection(row("a", latency=latency(9, 9, 9, noisy=True)))
    found = judge(old, new, ALLOWED)
    assert found.worse == ()
    assert "too noisy" in found.unsure[0]
    few = judge(old, collection(row("a", latency=latency(9, 9))), ALLOWED)
    assert few.worse == ()
    assert "processes" in few.unsure[0]


def test_other_photos_are_not_compared() -> None:
    old = collection(row("a", accuracy=accuracy(0, 0, 500)))
    found = judge(old, collection(row("a", accuracy=accuracy(200, 0, 1000))), ALLOWED)
    assert found.worse == ()
    assert "other photos" in found.unsure[0]


def test_parity_that_fails_now_is_worse_and_rows_that_went_are_named() -> None:
    old = collection(row("a"), row("b"))
    new = collection(row("a", parity="failed"), row("c"))
    found = judge(old, new, Allowed(None, None))
    assert [(one.row, one.figure) for one in found.worse] == [("a int8.tflite, rpi4", "parity")]
    assert found.gone == ("b int8.tflite, rpi4",)
    assert found.new == ("c int8.tflite, rpi4",)


@pytest.mark.parametrize(("now", "is_worse"), [(1.04, False), (1.06, True)])
def test_medians_without_any_scatter_are_judged_by_their_ratio(now, is_worse) -> None:
    old = collection(row("a", latency=latency(1, 1, 1, 1, 1)))
    found = judge(old, collection(row("a", latency=latency(*[now] * 5))), ALLOWED)
    assert bool(found.worse) == is_worse
