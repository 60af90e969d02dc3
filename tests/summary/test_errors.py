"""Tasks whose figure is an error: less of it is better, and what it gains is lost."""

from __future__ import annotations

from typing import get_args

import pytest

from edgeconv.summary.judged import evaluated
from edgeconv.summary.row import ERROR_UNITS, Accuracy, Source
from edgeconv.verify.tasks.figures import Unit


def accuracy(unit: str) -> Accuracy:
    """Of a file whose figure is 0.25 more than float's."""
    figure = {
        "name": "MAE",
        "unit": unit,
        "estimate": {"value": 2.25, "low": 2.0, "high": 2.5},
        "change": {"value": 0.25, "low": 0.125, "high": 0.5},
    }
    told = {"sha256": "0" * 64, "engine": "litert", "figures": [figure]}
    document = {"device": "local", "task": "regression", "photos": 9, "evaluations": [told]}
    [one] = evaluated(document, Source("eval.json", "eval", ""))
    assert one.accuracy is not None
    return one.accuracy


def test_every_unit_is_of_errors_or_of_what_is_better_when_more() -> None:
    assert set(get_args(Unit)) == ERROR_UNITS | {"share", "dB"}


@pytest.mark.parametrize("unit", sorted(ERROR_UNITS))
def test_an_error_that_grows_is_a_loss(unit: str) -> None:
    drop = accuracy(unit).drop
    assert drop is not None
    assert (drop.value, drop.low, drop.high) == (0.25, 0.125, 0.5)


def test_a_share_that_grows_is_none() -> None:
    drop = accuracy("share").drop
    assert drop is not None
    assert (drop.value, drop.low, drop.high) == (-25, -50, -12.5)
