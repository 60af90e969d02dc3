"""`--max-drop` of any task: judged in its own figure, on photos that chose nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.data.annotations.pairs import Pair
from edgeconv.export.calibration import held_back
from edgeconv.export.divided_photos import DividedPhotos
from edgeconv.export.max_drop import Mixed
from edgeconv.export.options import ExportOptions
from edgeconv.export.task_drop import TaskJudge, bounded_in_task
from edgeconv.export.task_photos import divided_for_task
from edgeconv.progress import SILENT
from edgeconv.quantize.recipe.recipes import Quantized, Recipe, quantize
from edgeconv.verify.tasks.agreement import Agreement
from edgeconv.verify.tasks.drops import Loss, bootstrapped
from edgeconv.verify.tasks.prepare import Prepared
from tests.export.test_max_drop import INTAKE, drawn
from tests.quantize.mixed.test_mixed import Narrow
from tests.quantize.nets import hub, run_float, run_planned

AGREEMENT = Prepared((), lambda _, outputs: Agreement(outputs, {}), "", "percent")


@pytest.fixture(scope="module")
def narrow() -> Quantized:
    """Everything in int8, which one convolution of the net does not stand."""
    photos = drawn(24, 0)
    bare = Recipe("bare", (), 12, measured=False)
    return quantize(hub(Narrow()), lambda: photos.batches(1, raw=False), recipe=bare)


def found(narrow: Quantized, bound: float) -> Mixed:
    divided = DividedPhotos(drawn(24, 0), drawn(48, 1), drawn(120, 2), None, 192)
    options = _options(bound)
    return bounded_in_task(narrow.model, narrow, divided, AGREEMENT, options, SILENT)


def _options(bound: float) -> ExportOptions:
    return ExportOptions(int8=True, max_drop=bound, task="agreement", calib=Path())


def test_what_is_judged_is_the_plan_on_the_photos_that_judge(narrow: Quantized) -> None:
    judge = TaskJudge(narrow.model, narrow.model, AGREEMENT, _options(5.0), SILENT)
    loss = judge(narrow.plan, drawn(70, 2))
    assert isinstance(loss, Loss)
    photos = list(drawn(70, 2).batches(1, raw=False))
    exact = run_float(narrow.model, photos).astype(np.float64)
    rounded = run_planned(narrow.model, narrow.plan, photos)
    far = 100 * np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
    assert bootstrapped(loss)[0] == pytest.approx(far, rel=1e-5)


def test_as_much_is_in_int8_as_is_shown(narrow: Quantized) -> None:
    whole, tight, out_of_reach = (found(narrow, bound) for bound in (300.0, 30.0, 0.001))
    assert (whole.promise.shown, whole.chosen.islands) == (True, ())
    assert tight.promise.shown
    assert [island.node for island in tight.chosen.islands if island.multiply_adds] != []
    outcome = out_of_reach.promise.outcome
    assert not out_of_reach.promise.shown
    assert out_of_reach.chosen.multiply_adds_share >= tight.chosen.multiply_adds_share
    assert outcome is not None
    told = tight.promise.to_json()
    assert (told["of"], told["unit"], told["at_most"]) == ("difference from float", "percent", 30)
    assert told["outcome"]["at_most"] <= 30
    assert told["outcome"]["judged"] == 120


def test_both_photos_of_a_pair_judge_or_neither_does() -> None:
    every = [Path(f"{number:03}.png") for number in range(160)]
    own = held_back(every)
    pairs = [Pair(2 * i, 2 * i + 1, i % 2 == 0) for i in range(80)]
    places = [(pair.one, pair.other) for pair in pairs]
    task = Prepared(every, AGREEMENT.task_of, "", "points", True, places)
    options = ExportOptions(
        int8=True, max_drop=10, task="embeddings", calib=Path(), calib_samples=24
    )
    divided = divided_for_task(own, INTAKE, options, task)
    numbers = {int(path.stem) for path in divided.judging.paths}
    assert len(numbers) >= 58  # 29 pairs: 0.9**29 < 0.05
    assert all((number ^ 1) in numbers for number in numbers)
