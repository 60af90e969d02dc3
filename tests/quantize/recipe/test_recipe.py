"""Recipes: what is kept is what helps on photos held back, and the judge measures real files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from torch import nn

from edgeconv.errors import UnknownName
from edgeconv.export.onnx.write import write
from edgeconv.graph.metrics import multiply_adds
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.recipes import RECIPE_NAMES, Recipe, named, quantize
from edgeconv.quantize.recipe.sample import LIGHT, affordable
from edgeconv.quantize.recipe.step import Step
from edgeconv.quantize.recipe.steps import CORRECT_BIASES, EQUALIZE
from edgeconv.quantize.recipe.stretch_ranges import CHOOSE_RANGES
from edgeconv.quantize.refine.judge import Gain, Judge, Verdict
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from tests.quantize.nets import Mobile, hub, photos, run_float, sqnr_db

MODEL = hub(Mobile())


def _narrow(draft: Draft) -> Draft:
    """Harmful: clips everything to a tenth of its range."""
    plan = draft.plan
    shrunk = {
        name: replace(found, scale=found.scale / np.float32(10))
        for name, found in plan.activations.items()
    }
    return draft.with_plan(replace(plan, activations=shrunk))


HARMFUL = Step("narrow all", "finish", _narrow)


def test_a_step_that_harms_is_told_and_not_kept() -> None:
    recipe = Recipe("", (CORRECT_BIASES, HARMFUL, EQUALIZE), 32, measured=True)
    done = quantize(MODEL, lambda: photos(32), recipe=recipe)
    reports = {report.name: report for report in done.steps}
    assert not reports["narrow all"].kept
    assert reports["narrow all"].gain_db is not None
    assert reports["narrow all"].gain_db < -3
    without = quantize(
        MODEL, lambda: photos(32), recipe=Recipe("", (CORRECT_BIASES, EQUALIZE), 32, measured=True)
    )
    for name, params in without.plan.activations.items():
        assert params.key == done.plan.activations[name].key


def test_the_judge_measures_what_the_int8_file_gives(tmp_path: Path) -> None:
    plan = build_plan(MODEL, observe(MODEL, photos(20)))
    fresh = photos(6, seed=5)
    write(MODEL, tmp_path / "m.onnx", "int8", plan, io="float32")
    file = open_session(tmp_path / "m.onnx", SessionOptions(kernels="reference"))
    outputs = np.concatenate([file.run([photo])[0] for photo in fresh])
    reference = run_float(MODEL, fresh)
    pairs = list(zip(reference, outputs, strict=True))
    for is_classifier in (True, False):  # what is added to all logits of one is no error
        away = float(is_classifier)
        each = [sqnr_db(a - away * a.mean(), b - away * b.mean()) for a, b in pairs]
        found = Judge(MODEL, fresh, is_classifier=is_classifier)(MODEL, plan)
        assert found.sqnr_db == pytest.approx(np.mean(each), abs=0.01)
    tops = reference.argmax(axis=1) == outputs.argmax(axis=1)
    assert found.agreement == pytest.approx(tops.mean())


def test_a_gain_must_not_hang_on_a_single_photo() -> None:
    before = Verdict((20.0, 20.0, 20.0, 20.0), None)
    gain = Gain.of(Verdict((19.5, 19.9, 26.0, 19.8), None), before)
    assert gain.mean_db == pytest.approx(1.3)
    assert gain.least_db == pytest.approx(-0.8 / 3)
    assert gain.error_db == pytest.approx(np.std([-0.5, -0.1, 6.0, -0.2], ddof=1) / 2)


def test_a_recipe_that_ends_below_no_repair_repairs_nothing() -> None:
    recipe = Recipe("", (replace(HARMFUL, least_gain_db=-50.0),), 32, measured=True)
    done = quantize(MODEL, lambda: photos(32), recipe=recipe)
    bare = quantize(MODEL, lambda: photos(32), recipe=Recipe("", (), 32, measured=True))
    assert [report.kept for report in done.steps] == [True, False]
    assert {n: p.key for n, p in done.plan.activations.items()} == {
        n: p.key for n, p in bare.plan.activations.items()
    }


def test_steps_never_see_the_photos_they_are_judged_on() -> None:
    seen: list[NDArray[np.float32]] = []

    def look(draft: Draft) -> Draft:
        seen.extend(draft.inputs())
        return draft

    recipe = Recipe("", (Step("look", "setting", look),), 40, measured=True)
    everything = photos(40)
    done = quantize(MODEL, lambda: everything, recipe=recipe)
    assert len(seen) == 30
    assert done.observations.inputs == 40
    assert done.steps[0].sqnr_db is not None


@pytest.mark.parametrize("name", RECIPE_NAMES)
def test_a_recipe_repeats_to_the_last_bit(name: str) -> None:
    one, other = (quantize(MODEL, lambda: photos(24), recipe=named(name)) for _ in range(2))
    assert [r.to_json() for r in one.steps] == [r.to_json() for r in other.steps]
    assert {n: p.key for n, p in one.plan.activations.items()} == {
        n: p.key for n, p in other.plan.activations.items()
    }
    for tensor, constant in one.plan.constants.items():
        np.testing.assert_array_equal(constant.values, other.plan.constants[tensor].values)


def test_fast_judges_its_steps_on_few_photos() -> None:
    taken = 0

    def inputs() -> Iterator[NDArray[np.float32]]:
        nonlocal taken
        for photo in photos(200):
            taken += 1
            yield photo

    done = quantize(MODEL, inputs, recipe="fast")
    assert done.observations.inputs == named("fast").observed
    assert all(step.sqnr_db is not None for step in done.steps)
    assert taken < 200


def test_too_few_photos_to_hold_any_back_are_not_divided() -> None:
    done = quantize(MODEL, lambda: photos(3), recipe="default")
    assert done.observations.inputs == 3
    assert all(step.sqnr_db is None for step in done.steps)
    assert [step.name for step in done.steps] == ["correct biases"]


def test_the_callers_graph_and_config_are_left_alone() -> None:
    before = ir.to_proto(MODEL).SerializeToString(deterministic=True)
    config = PlanConfig(ranges="minmax")
    quantize(MODEL, lambda: photos(12), config)
    assert ir.to_proto(MODEL).SerializeToString(deterministic=True) == before
    assert config == PlanConfig(ranges="minmax")


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean thorough"):
        named("thoroughly")


@pytest.mark.parametrize(("least_gain_db", "kept"), [(-50.0, True), (50.0, False)])
def test_a_step_says_how_much_it_must_gain(least_gain_db: float, kept: bool) -> None:
    recipe = Recipe("", (replace(CORRECT_BIASES, least_gain_db=least_gain_db),), 32, measured=True)
    _, report = quantize(MODEL, lambda: photos(32), recipe=recipe).steps
    assert report.kept == kept


def test_chosen_ranges_must_gain_more_than_other_steps() -> None:
    assert CHOOSE_RANGES.least_gain_db > CORRECT_BIASES.least_gain_db > 0


def test_a_step_that_finds_nothing_to_do_is_not_reported() -> None:
    idle = Step("idle", "repair", lambda draft: draft)
    for measured in (True, False):
        recipe = Recipe("", (CORRECT_BIASES, idle), 32, measured=measured)
        done = quantize(MODEL, lambda: photos(32), recipe=recipe)
        names = [step.name for step in done.steps]
        assert names[-1] == "correct biases"
        assert "idle" not in names


def test_of_a_light_net_more_photos_are_looked_at_for_the_same_work() -> None:
    work = multiply_adds(MODEL)
    assert affordable(10, MODEL, 10**9) == 10 * LIGHT // work
    assert affordable(10, MODEL, 128) == 128
    heavy = hub(nn.Conv2d(3, 2000, 9, padding=4), (1, 3, 64, 64))
    assert multiply_adds(heavy) > 2 * LIGHT
    assert affordable(10, heavy, 128) == 10
