"""The gate finds what got worse, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeconv.errors import RefusedError
from edgeconv.report import jsondoc
from edgeconv.summary import form
from edgeconv.summary.changes import Allowed
from edgeconv.summary.gate import Verdict, judge
from edgeconv.summary.row import Accuracy
from edgeconv.verify.tasks.figures import Estimate
from tests.summary.made import accuracy, collection, latency, row
from tests.summary.test_collect import _places, _put

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
        assert {figure for _, figure in found} >= {"latency", "top-1 lost to float"}
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


def mean_iou(value: float, lost: float | None, unit: str = "share") -> Accuracy:
    drop = None if lost is None else Estimate(lost, lost - 0.2, lost + 0.2)
    shown = Estimate(value, value - 0.02, value + 0.02)
    return Accuracy("segmentation", "mean IoU", unit, "local", 500, shown, drop=drop)


@pytest.mark.parametrize(
    ("before", "now", "worse"),
    [
        ((0.70, 0.1), (0.69, 1.5), {"mean IoU lost to float"}),
        ((0.70, None), (0.60, None), {"mean IoU"}),
        ((0.70, 0.1), (0.697, 0.4), set()),
    ],
)
def test_tasks_whose_photos_are_not_counted_are_compared_by_their_intervals(
    before, now, worse
) -> None:
    old, new = (collection(row("a", accuracy=mean_iou(*each))) for each in (before, now))
    assert {one.figure for one in judge(old, new, ALLOWED).worse} == worse


def test_a_float_net_that_fell_is_worse_although_nothing_is_lost_to_it() -> None:
    right = accuracy(0, 0)
    fell = replace(right, value=Estimate(0.3, 0.26, 0.34))
    found = judge(
        collection(row("a", accuracy=right)), collection(row("a", accuracy=fell)), ALLOWED
    )
    assert [one.figure for one in found.worse] == ["top-1"]


def test_what_grew_without_scatter_is_worse_whatever_else_is_compared() -> None:
    old, new = row("a"), row("a")
    for grown, is_worse in ((1.04, False), (1.06, True)):
        size = int((old.file.size_bytes or 0) * grown)
        larger = replace(new, file=replace(new.file, size_bytes=size))
        found = judge(collection(old), collection(larger), ALLOWED)
        assert [one.figure for one in found.worse] == ["size"] * is_worse


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (row("a", accuracy=accuracy(0, 0)), row("a"), "top-1 is not told any more"),
        (row("a"), row("a", parity=""), "parity passed and is not judged now"),
        (
            row("a", accuracy=mean_iou(1.0, 0.1, "pixels")),
            row("a", accuracy=mean_iou(9.0, 8.1, "pixels")),
            "mean IoU is no share",
        ),
    ],
)
def test_figures_of_before_that_cannot_be_compared_are_named(old, new, said) -> None:
    found = judge(collection(old), collection(new), ALLOWED)
    assert found.worse == ()
    assert said in found.unsure[0]


def test_files_of_one_name_are_named_and_not_one_of_them_compared() -> None:
    old = row("a", latency=latency(1, 1, 1))
    other = replace(old, file=replace(old.file, sha256="0" * 64), latency=latency(9, 9, 9))
    for now in (collection(old, other), collection(other, old)):
        found = judge(collection(old), now, ALLOWED)
        assert found.compared == ()
        assert "several files" in found.unsure[0]


@pytest.mark.parametrize("wrong", [0, -1, -5.0, 1e308, -1e308, 10**39, [0.0] * 3, [-1.0, 2.0, 3.0]])
def test_impossible_numbers_in_a_report_of_before_hide_nothing(wrong) -> None:
    """They are refused, or compared without hiding the row that did get slower."""
    right = accuracy(3, 1)
    sound = row("b", latency=latency(1.0, 1.01, 0.99))
    whole = jsondoc.plain_json(
        form.document(collection(row("a", latency=latency(1, 2, 3), accuracy=right), sound))
    )
    slower = row("b", latency=latency(9.0, 9.1, 9.2))
    now = collection(row("a", latency=latency(1, 2, 3), accuracy=right), slower)
    for path in _places(whole["rows"][0], ("rows", 0)):
        altered = jsondoc.plain_json(whole)
        _put(altered, path, wrong)
        try:
            old = form.collection(altered)
        except RefusedError:
            continue
        found = judge(old, now, ALLOWED)
        assert ("b int8.tflite, rpi4, 1 thread(s)", "latency") in {
            (one.row, one.figure) for one in found.worse
        }, path


@pytest.mark.parametrize(("now", "is_worse"), [(1.04, False), (1.06, True)])
def test_medians_without_any_scatter_are_judged_by_their_ratio(now, is_worse) -> None:
    old = collection(row("a", latency=latency(1, 1, 1, 1, 1)))
    found = judge(old, collection(row("a", latency=latency(*[now] * 5))), ALLOWED)
    assert bool(found.worse) == is_worse
