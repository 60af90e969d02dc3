"""16-bit plans, and weights in fewer bits."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.quantize.plan.int16 import HEADROOM, INT16_MAX, int16_plan, with_planned_weights
from edgeconv.quantize.plan.stored import fits_float16, row_scales
from edgeconv.quantize.recipe.recipes import quantize
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned


@pytest.fixture(scope="module")
def planned():
    inputs = photos(12)
    return quantize(hub(Mobile()), lambda: iter(inputs), recipe="fast")


def test_activations_span_twice_what_was_seen_around_zero(planned) -> None:
    plan = int16_plan(planned.model, planned.observations, planned.plan)
    assert plan.activations.keys() == planned.plan.activations.keys()
    seen = np.abs(np.concatenate([x.reshape(-1) for x in photos(12)])).max()
    params = plan.activations["input"]
    assert (params.dtype, int(params.zero_point)) == ("int16", 0)
    assert float(params.scale) * INT16_MAX == pytest.approx(HEADROOM * seen, rel=1e-5)


def test_weights_are_the_int8_plans(planned) -> None:
    plan = int16_plan(planned.model, planned.observations, planned.plan)
    assert plan.constants["project.weight"] is planned.plan.constants["project.weight"]
    assert "project.bias" not in plan.constants


def test_planned_weights_compute_what_the_integers_stand_for(planned) -> None:
    images = photos(3, seed=8)
    wanted = run_planned(planned.model, planned.plan, images, activations=False)
    got = run_float(with_planned_weights(planned.model, planned.plan), images)
    assert np.allclose(got, wanted, atol=1e-6)


def test_a_channel_of_zeros_has_a_scale() -> None:
    weights = np.array([[1.27, -0.3], [0.0, 0.0]])
    assert row_scales(weights, 0) == pytest.approx([0.01, 1.0])
    assert row_scales(weights, 1) == pytest.approx([0.01, 0.3 / 127])


def test_what_float16_cannot_hold_stays_float32() -> None:
    assert fits_float16(np.array([65504.0]))
    assert not fits_float16(np.array([1.0, -70000.0]))
