"""The plan that is exported with a bound is the last that photos which chose nothing showed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.export.calibration import Calibration
from edgeconv.export.divided_photos import DividedPhotos
from edgeconv.export.max_drop import Mixed, bounded, warning
from edgeconv.export.options import ExportOptions
from edgeconv.progress import SILENT
from edgeconv.quantize.recipe.recipes import Quantized, Recipe, quantize
from edgeconv.verify.accuracy.promise import is_shown
from tests.quantize.mixed.test_mixed import Narrow
from tests.quantize.nets import SIZE, hub, run_float, run_planned

INTAKE = Intake.of_photos(Preprocessing(input_size=(SIZE, SIZE), resize=SIZE))


def drawn(count: int, seed: int) -> Calibration:
    """Photos of noise."""

    def pixels() -> Iterator[NDArray[np.uint8]]:
        generator = np.random.default_rng(seed)
        for _ in range(count):
            yield generator.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)

    return Calibration("folder", count, INTAKE, None, pixels)


@pytest.fixture(scope="module")
def narrow() -> Quantized:
    """Everything in int8, which one convolution of the net does not stand."""
    photos = drawn(24, 0)
    bare = Recipe("bare", (), 12, measured=False)
    return quantize(hub(Narrow()), lambda: photos.batches(1, raw=False), recipe=bare)


def found(narrow: Quantized, bound: float, judging: int, labels: tuple[int, ...] | None) -> Mixed:
    divided = DividedPhotos(drawn(24, 0), drawn(48, 1), drawn(judging, 2), labels, 72 + judging)
    options = ExportOptions(int8=True, max_drop=bound)
    return bounded(narrow.model, narrow, divided, options, SILENT)


def first_classes(run: Callable[..., NDArray[np.float32]], *of: object) -> NDArray[np.intp]:
    photos = list(drawn(400, 2).batches(1, raw=False))
    return run(*of, photos).reshape(400, -1).argmax(axis=1)


def test_the_exported_plan_is_the_judged_one_and_its_counts_are_true(narrow: Quantized) -> None:
    mixed = found(narrow, 5.0, 400, None)
    assert mixed.promise.shown
    assert [i.node for i in mixed.chosen.islands if i.multiply_adds] != []
    outcome = mixed.promise.outcome
    assert outcome is not None
    exact = first_classes(run_float, narrow.model)
    rounded = first_classes(run_planned, narrow.model, mixed.chosen.plan)
    assert (outcome.photos, outcome.changed) == (400, int((exact != rounded).sum()))
    assert is_shown(outcome, 5.0)


def test_a_looser_bound_keeps_less_in_float(narrow: Quantized) -> None:
    shares = [found(narrow, bound, 400, None).chosen.multiply_adds_share for bound in (3.0, 90.0)]
    assert shares[0] > shares[1] == 0.0


def test_labels_count_what_is_lost_and_gained(narrow: Quantized) -> None:
    exact = first_classes(run_float, narrow.model)
    mixed = found(narrow, 5.0, 400, tuple(int(x) for x in (exact + np.arange(400) % 2) % 10))
    outcome = mixed.promise.outcome
    assert outcome is not None
    assert outcome.lost is not None
    assert mixed.promise.of == "top-1 lost"
    assert outcome.lost <= outcome.changed
    assert mixed.promise.shown == is_shown(outcome, 5.0)


def test_without_photos_that_judge_the_prediction_chooses_and_nothing_is_shown(
    narrow: Quantized,
) -> None:
    mixed = found(narrow, 5.0, 0, None)
    assert not mixed.promise.shown
    assert mixed.promise.outcome is None
    assert mixed.chosen.predicted.at_most_points <= 5.0
    divided = DividedPhotos(drawn(24, 0), drawn(48, 1), drawn(0, 2), None, 72)
    told = warning(divided, ExportOptions(int8=True, max_drop=5.0))
    assert told is not None
    assert "72 photos are too few; at least 126 are needed" in told
