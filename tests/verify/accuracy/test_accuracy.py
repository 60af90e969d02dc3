from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgeconv.errors import RefusedError, UsageError
from edgeconv.verify.accuracy.comparison import ComparisonTally, compare, rank_labels

RNG = np.random.default_rng(3)


def test_top1_and_top5_equal_a_plain_sort() -> None:
    logits = RNG.normal(size=(300, 20)).astype(np.float32)
    labels = RNG.integers(0, 20, 300)
    order = np.argsort(-logits, axis=1)
    accuracy = compare(logits, logits, labels).candidate
    assert accuracy.top1.count == int((order[:, 0] == labels).sum())
    assert accuracy.top5.count == int((order[:, :5] == labels[:, None]).any(axis=1).sum())
    assert accuracy.top1.total == 300
    assert (accuracy.ties, accuracy.not_finite) == (0, 0)


def test_five_classes_or_fewer_are_all_in_the_top5() -> None:
    logits = RNG.normal(size=(9, 3))
    assert compare(logits, logits, [0, 1, 2] * 3).candidate.top5.value == 1


def test_equal_logits_rank_by_class_index_as_argmax_does() -> None:
    logits = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=np.int8)
    ranking = rank_labels(logits, [0, 1, 2])
    assert ranking.rank.tolist() == [0, 1, 2]
    assert ranking.top1.tolist() == [0, 0, 0]
    assert compare(logits, logits, [0, 1, 2]).candidate.ties == 3


def test_images_without_finite_logits_are_wrong_and_agree_with_nothing() -> None:
    reference = np.eye(4, dtype=np.float32)
    candidate = reference.copy()
    candidate[1, 3] = np.nan
    candidate[2, 0] = np.inf
    comparison = compare(reference, candidate, [0, 1, 2, 3])
    assert comparison.candidate.not_finite == 2
    assert comparison.candidate.top1.count == 2
    assert comparison.candidate.top5.count == 2
    assert comparison.agreement.count == 2
    assert comparison.sqnr_db == math.inf


def test_a_reference_without_finite_logits_is_refused() -> None:
    reference = np.zeros((3, 2))
    reference[1, 0] = np.nan
    with pytest.raises(RefusedError, match="image 1 "):
        compare(reference, np.zeros((3, 2)), [0, 0, 0])


def test_a_comparison_counts_each_kind_of_image() -> None:
    labels = np.zeros(10, dtype=int)
    right, wrong, other = [2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [1.0, 0.0, 2.0]
    reference = np.array([right] * 7 + [wrong] * 3)
    candidate = np.array([right] * 5 + [wrong] * 2 + [right] + [wrong] + [other])
    comparison = compare(reference, candidate, labels)
    assert comparison.images == 10
    assert comparison.reference.top1.count == 7
    assert comparison.candidate.top1.count == 6
    assert comparison.agreement.count == 6
    assert (comparison.drop.reference_only, comparison.drop.candidate_only) == (2, 1)
    assert comparison.drop.points == pytest.approx(10)
    assert comparison.drop.p_value == 1


def test_sqnr_is_the_energy_ratio() -> None:
    reference = RNG.normal(size=(200, 50))
    noisy = reference + 0.1 * RNG.normal(size=(200, 50))
    assert compare(reference, noisy, np.zeros(200, int)).sqnr_db == pytest.approx(20, abs=0.2)
    assert compare(reference, reference, np.zeros(200, int)).sqnr_db == math.inf
    assert compare(0 * reference, noisy, np.zeros(200, int)).sqnr_db == -math.inf


def test_batches_add_up_to_the_whole() -> None:
    reference = RNG.normal(size=(50, 12)).astype(np.float32)
    candidate = reference + RNG.normal(size=(50, 12)).astype(np.float32)
    labels = RNG.integers(0, 12, 50)
    tally = ComparisonTally()
    for start in range(0, 50, 7):
        part = slice(start, start + 7)
        tally.add(reference[part], candidate[part], labels[part])
    parts, whole = tally.result().to_json(), compare(reference, candidate, labels).to_json()
    assert parts.pop("sqnr_db") == pytest.approx(whole.pop("sqnr_db"))
    assert parts == whole


def test_json_has_no_numbers_that_json_lacks() -> None:
    logits = np.eye(3)
    document = compare(logits, logits, [0, 1, 2]).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["sqnr_db"] is None
    assert document["candidate"]["top1"]["value"] == 1


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((2, 3)), [0], "do not fit"),
        (np.zeros(3), [0], "do not fit"),
        (np.zeros((0, 3)), np.zeros(0, int), "no image"),
        (np.zeros((1, 3)), [3], "1 labels are no class of a net with 3 classes"),
        (np.zeros((1, 3)), [-1], "no class"),
        (np.zeros((1, 3)), [0.5], "whole numbers"),
    ],
)
def test_what_does_not_fit_is_wrong_usage(logits: object, labels: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rank_labels(logits, labels)  # type: ignore[arg-type]


def test_logits_of_two_nets_must_have_one_shape() -> None:
    with pytest.raises(UsageError, match=r"\(2, 4\) cannot be compared with the reference's"):
        compare(np.zeros((2, 3)), np.zeros((2, 4)), [0, 0])
    with pytest.raises(UsageError, match="no image"):
        ComparisonTally().result()
    tally = ComparisonTally()
    tally.add(np.zeros((1, 3)), np.zeros((1, 3)), [0])
    tally.add(np.zeros((1, 4)), np.zeros((1, 4)), [0])
    with pytest.raises(UsageError, match="different numbers of classes"):
        tally.result()
