"""Points and vectors in their forms."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.data.annotations.pairs import Pair
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.tasks.embeddings import Embeddings, best_threshold
from edgeconv.verify.tasks.keypoints import PointHead, points_by

SIZE = (40, 80)
POINTS = np.array([[8.0, 10.0], [72.0, 30.0]])


def _maps() -> np.ndarray:
    maps = np.zeros((2, 2, 5))  # cells of 16 x 20 pixels
    maps[0, 0, 0] = maps[1, 1, 4] = 1
    return maps


@pytest.mark.parametrize(
    ("head", "array"),
    [
        (PointHead("p", "xy"), POINTS),
        (PointHead("p", "xy"), POINTS.reshape(-1)),
        (PointHead("p", "yx"), POINTS[:, ::-1]),
        (PointHead("p", "xy", "share"), POINTS / [80, 40]),
        (PointHead("p", "yx", "share"), (POINTS / [80, 40])[:, ::-1]),
        (PointHead("p", "heatmap"), _maps()),
    ],
)
def test_every_form_gives_the_same_points(head: PointHead, array: np.ndarray) -> None:
    np.testing.assert_allclose(head({"p": array}, SIZE), POINTS)


def test_a_heat_map_that_is_not_finite_has_no_point() -> None:
    maps = _maps()
    maps[1, 0, 0] = np.nan
    assert np.isnan(PointHead("p", "heatmap")({"p": maps}, SIZE)).tolist() == [
        [False] * 2,
        [True] * 2,
    ]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 2, 2)])
def test_points_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(RefusedError, match="points are"):
        PointHead("p", "xy")({"p": np.zeros(shape)}, SIZE)


def test_a_function_that_gives_no_points_is_wrong_usage() -> None:
    for made, said in (("x", "no array of numbers"), ([1, 2], "points are")):
        with pytest.raises(UsageError, match=said):
            points_by(lambda _, made=made: made, "f.py:f")({}, SIZE)


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(8)
    for _ in range(50):
        similar, same = rng.normal(size=12).round(1), rng.random(12) < 0.5
        right = ((similar >= best_threshold(similar, same)) == same).sum()
        assert right == max(((similar >= t) == same).sum() for t in [*similar, np.inf])


def test_a_vector_without_a_direction_is_wrong_and_near_to_nothing() -> None:
    spec = TensorSpec("e", (1, 2), np.dtype(np.float32))
    task = Embeddings(spec, 0, [Pair(0, 1, True), Pair(0, 2, False)])
    exact = [task.keep([np.array(v)], None) for v in ([1.0, 0.0], [1.0, 0.1], [0.0, 1.0])]
    broken = [exact[0], task.keep([np.array([0.0, 0.0])], None), exact[2]]
    whole, lost = (
        {f.name: f.estimate.value for f in task.figures(own, exact)} for own in (exact, broken)
    )
    assert whole == {"right pairs": 1, "nearest sample as in float": 1}
    # The first photo's neighbour is lost, the second has none, and the third's was the second.
    assert lost == {"right pairs": 0.5, "nearest sample as in float": 0}
    with pytest.raises(RefusedError, match="all zeros for sample 0"):
        task.expect(0, [np.zeros(2)])
