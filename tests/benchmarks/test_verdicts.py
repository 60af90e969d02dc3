"""The comparison of two tools' int8 files: paired, and the right way round."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PHOTOS = 200


@pytest.fixture(scope="module")
def lead() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("_verdicts").lead


def logits(wrong: range) -> NDArray[np.float32]:
    """Class 1 everywhere, but 0 on the photos that are `wrong`."""
    top1 = np.ones(PHOTOS, np.int64)
    top1[wrong] = 0
    return np.eye(3, dtype=np.float32)[top1]


REFERENCE = logits(range(0))


def test_a_file_that_errs_less_is_better_and_the_other_worse(lead: Any) -> None:
    few, many = logits(range(5)), logits(range(40))
    assert lead(REFERENCE, few, many).verdict == "better"
    assert lead(REFERENCE, many, few).verdict == "worse"
    assert lead(REFERENCE, few, many).points == pytest.approx(17.5)


def test_only_photos_that_tell_the_files_apart_count(lead: Any) -> None:
    """30 errors each, on the same photos but for one: paired, that is no difference."""
    close = lead(REFERENCE, logits(range(30)), logits(range(1, 32)))
    assert close.verdict == "no difference"
    assert close.high - close.low < 6.0
    apart = lead(REFERENCE, logits(range(30)), logits(range(30, 61)))
    assert apart.points == close.points
    assert apart.high - apart.low > 10.0


def test_the_same_file_leads_by_nothing(lead: Any) -> None:
    same = lead(REFERENCE, logits(range(30)), logits(range(30)))
    assert (same.points, same.verdict) == (0.0, "no difference")
    assert same.low < 0 < same.high


def test_agreement_is_with_the_float_net_not_with_each_other(lead: Any) -> None:
    floats = logits(range(0, PHOTOS, 2))
    assert lead(floats, floats, REFERENCE).points == pytest.approx(50.0)
