"""What a drop on a few labelled photos says of a bound: never more than the photos show."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CLASSES = 12


@pytest.fixture(scope="module")
def drops() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("_drops")


def answers(right: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Logits that put class 0 first where right and class 1 elsewhere; labels are all 0."""
    return np.eye(2, dtype=np.float32)[(~right).astype(int)]


def drawn(count: int, heat: float, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits, and labels that follow their probabilities at a temperature."""
    rng = np.random.default_rng(seed)
    logits = 2.0 * rng.standard_normal((count, CLASSES))
    raised = np.exp(logits / heat)
    ends = np.cumsum(raised / raised.sum(axis=1, keepdims=True), axis=1)
    labels = (rng.random((count, 1)) > ends).sum(axis=1)
    return logits.astype(np.float32), np.minimum(labels, CLASSES - 1)


@pytest.mark.parametrize(
    ("lost", "total", "bound", "verdict"),
    [
        (0, 2000, 0.5, "shown"),
        (1, 500, 0.5, "holds"),
        (5, 500, 0.5, "within chance"),
        (20, 500, 0.5, "broken"),
    ],
)
def test_labels_say_as_much_as_there_are_photos(
    drops: Any, lost: int, total: int, bound: float, verdict: str
) -> None:
    labels = np.zeros(total, np.int64)
    right = answers(np.ones(total, bool))
    judged = drops.judge(right, answers(np.arange(total) >= lost), labels, bound)
    assert judged.verdict == verdict
    assert judged.measured.points == pytest.approx(100 * lost / total)
    assert (judged.miss is not None) == (verdict == "broken" or judged.expected.points > bound)


def test_photos_won_and_lost_cancel(drops: Any) -> None:
    labels = np.zeros(400, np.int64)
    number = np.arange(400)
    judged = drops.judge(answers(number >= 10), answers(number < 390), labels, 0.5)
    assert judged.measured.points == 0
    assert judged.measured.at_least < 0 < judged.measured.at_most


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.0])
def test_the_temperature_that_drew_the_labels_is_found(drops: Any, heat: float) -> None:
    assert drops.temperature(*drawn(5000, heat, 1)) == pytest.approx(heat, rel=0.05)


def test_the_expected_drop_is_the_drop_and_scatters_less(drops: Any) -> None:
    """Against the probabilities that drew the labels, which the function is not told."""
    heat, count, photos = 1.6, 40_000, 500
    many, labels = drawn(count, heat, 2)
    rounded = many + 0.3 * np.random.default_rng(3).standard_normal(many.shape)
    shares = np.exp(many / heat) / np.exp(many / heat).sum(axis=1, keepdims=True)
    rows = np.arange(count)
    true_drop = 100 * (shares[rows, many.argmax(1)] - shares[rows, rounded.argmax(1)]).mean()
    parts = [slice(start, start + photos) for start in range(0, count, photos)]
    found = [drops.judge(many[part], rounded[part], labels[part], 1.0) for part in parts]
    expected = [judged.expected for judged in found]
    assert np.mean([drop.points for drop in expected]) == pytest.approx(true_drop, rel=0.05)
    assert np.mean([drop.at_most >= true_drop for drop in expected]) >= 0.85
    assert np.mean([drop.at_least <= true_drop for drop in expected]) >= 0.85
    scatter = np.std([drop.points for drop in expected])
    assert scatter < 0.5 * np.std([judged.measured.points for judged in found])


def test_the_same_file_drops_nothing(drops: Any) -> None:
    logits, labels = drawn(200, 1.0, 4)
    judged = drops.judge(logits, logits, labels, 0.5)
    assert judged.measured.points == judged.expected.at_most == 0
    assert judged.miss is None
