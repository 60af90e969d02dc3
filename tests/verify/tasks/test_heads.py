"""Heads in their forms, each decoded to the same boxes."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from edgeconv.errors import RefusedError, UsageError
from edgeconv.verify.tasks.head_file import read_head
from edgeconv.verify.tasks.heads import Decoder, Named, category_ids, score_columns
from edgeconv.verify.tasks.nms import kept_boxes

SIZE = (40, 80)
#: Corners in pixels of the input, the best class and its score.
CORNERS = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [40, 10, 80, 40], [30, 5, 50, 15]], np.float32)
CLASSES = np.array([1, 1, 0, 1])
SCORES = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
NAMED = {4: "dog", 9: "bird"}


def _wide() -> np.ndarray:
    scores = np.zeros((4, 2), np.float32)
    scores[np.arange(4), CLASSES] = SCORES
    return scores


def _centres() -> np.ndarray:
    one, other = CORNERS[:, :2], CORNERS[:, 2:]
    return np.concatenate([(one + other) / 2, other - one], 1)


def _logit(shares: np.ndarray) -> np.ndarray:
    return np.log(np.clip(shares, 1e-9, None) / (1 - shares))


def _decoded(text: str, outputs: Named) -> list[tuple[float, ...]]:
    head = read_head(tomllib.loads(text))
    classes = score_columns(head, {name: (1, *array.shape) for name, array in outputs.items()})
    found = Decoder(head, category_ids(head, classes, NAMED, [4, 9]))(outputs, SIZE)
    return [
        (*map(float, np.round(box, 3)), round(float(score), 3), int(category))
        for box, score, category in zip(found.boxes, found.scores, found.categories, strict=True)
    ]


EXPECTED = [
    (0, 0, 10, 20, 0.9, 9),
    (40, 10, 80, 40, 0.7, 4),
    (30, 5, 50, 15, 0.6, 9),
]
PLAIN = """
categories = "sorted"
[boxes]
output = "b"
{boxes}
[scores]
output = "s"
{scores}
[select]
nms_iou = 0.5
{rest}
"""


def _plain(boxes: str = "", scores: str = "", rest: str = "") -> str:
    return PLAIN.format(boxes=boxes, scores=scores, rest=rest)


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        (_plain(), {"b": CORNERS, "s": _wide()}),
        (_plain('form = "yxyx"'), {"b": CORNERS[:, [1, 0, 3, 2]], "s": _wide()}),
        (_plain('form = "cxcywh"'), {"b": _centres(), "s": _wide()}),
        (
            _plain('form = "xywh"'),
            {"b": np.concatenate([CORNERS[:, :2], _centres()[:, 2:]], 1), "s": _wide()},
        ),
        (_plain('unit = "share"'), {"b": CORNERS / [80, 40, 80, 40], "s": _wide()}),
        (_plain(scores='activation = "sigmoid"'), {"b": CORNERS, "s": _logit(_wide())}),
        (
            _plain(scores="background = 0"),
            {"b": CORNERS, "s": np.concatenate([np.full((4, 1), 0.99), _wide()], 1)},
        ),
        (
            _plain(rest='[classes]\noutput = "c"'),
            {"b": CORNERS, "s": SCORES, "c": CLASSES.astype(np.float32)},
        ),
        (
            _plain(rest='[objectness]\noutput = "o"'),
            {"b": CORNERS, "s": _wide() / 0.95, "o": np.full(4, 0.95)},
        ),
        (
            'layout = "values-first"\n'
            + _plain("columns = [0, 4]", "columns = [4, 6]").replace('"s"', '"b"'),
            {"b": np.concatenate([CORNERS, _wide()], 1).T},
        ),
    ],
)
def test_every_form_of_a_head_gives_the_same_boxes(text: str, outputs: Named) -> None:
    np.testing.assert_allclose(_decoded(text, outputs), EXPECTED, atol=1e-3)


def test_softmax_is_over_the_classes_with_the_background() -> None:
    shares = np.array([[0.1, 0.8, 0.1], [0.25, 0.05, 0.7]])
    text = _plain(scores='background = 0\nactivation = "softmax"')
    found = _decoded(text, {"b": CORNERS[[0, 2]], "s": np.log(shares)})
    kept = [(box[4], box[5]) for box in found]
    assert kept == [(0.8, 4), (0.7, 9), (0.1, 9), (0.05, 4)]


def test_classes_may_be_the_categories_ids() -> None:
    text = _plain(rest='[classes]\noutput = "c"').replace('"sorted"', '"ids"')
    numbers = np.array([9, 4, 5, 9], np.float32)  # 5 is none of the annotated ones
    found = _decoded(text, {"b": CORNERS, "s": SCORES, "c": numbers})
    assert [(box[4], box[5]) for box in found] == [(0.9, 9), (0.8, 4), (0.6, 9)]


def test_what_is_not_finite_is_no_box() -> None:
    boxes, scores = CORNERS.copy(), _wide()
    boxes[0, 0], scores[2, 1] = np.nan, np.inf
    assert [box[4] for box in _decoded(_plain(), {"b": boxes, "s": scores})] == [0.8, 0.6]


def test_without_nms_all_that_exceed_the_least_score_are_kept_and_no_more_than_asked_for() -> None:
    text = _plain().replace("0.5", '"none"\nleast_score = 0.65')
    assert [box[4] for box in _decoded(text, {"b": CORNERS, "s": _wide()})] == [0.9, 0.8, 0.7]
    text = text.replace("0.65", "0\nmost = 2")
    assert [box[4] for box in _decoded(text, {"b": CORNERS, "s": _wide()})] == [0.9, 0.8]


@pytest.mark.parametrize(
    ("text", "outputs", "error", "said"),
    [
        (_plain(), {"b": CORNERS[:3], "s": _wide()}, RefusedError, "3 boxes for a photo"),
        (_plain(), {"b": CORNERS[None], "s": _wide()}, RefusedError, "must be .boxes, values."),
        (_plain("columns = [2, 9]"), {"b": CORNERS, "s": _wide()}, RefusedError, "no columns 2"),
        (_plain("columns = [9, 2]"), {"b": CORNERS, "s": _wide()}, UsageError, "such as .0, 4."),
        (_plain(), {"b": CORNERS, "s": np.zeros((4, 5))}, UsageError, "tells 5 classes apart"),
        (
            _plain().replace('"sorted"', '"ids"'),
            {"b": CORNERS, "s": np.zeros((4, 5))},
            UsageError,
            r"no class for: bird \(9\)",
        ),
        (_plain(rest="most = true"), {"b": CORNERS, "s": _wide()}, UsageError, "most is a number"),
        ("boxes = 3", {}, UsageError, "boxes is no table"),
        ("categories = 3", {}, UsageError, "needs output"),
    ],
)
def test_heads_that_cannot_be(text: str, outputs: Named, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        _decoded(text, outputs)


def test_suppression_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        corners = rng.uniform(0, 50, (60, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(5, 30, (60, 2))], 1)
        scores = rng.uniform(0, 1, (3, 60))
        kept = kept_boxes(boxes, scores, iou=0.4, least_score=0.2, most=100)
        expected = []
        for number, row in enumerate(scores):
            own: list[int] = []
            for box in np.argsort(-row):
                if row[box] > 0.2 and all(_iou(boxes[box], boxes[each]) <= 0.4 for each in own):
                    own.append(box)
            expected += [(number, box) for box in own]
        assert list(map(tuple, kept)) == expected


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    both = float(np.clip(sides, 0, None).prod())
    return both / float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - both)
