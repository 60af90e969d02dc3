"""The simulator as a whole: whole nets, islands, refusals, and its arithmetic."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeconv.errors import PlanRefused, UsageError
from edgeconv.export.calibration import calibration_photos, own_samples
from edgeconv.export.capture.hub import capture
from edgeconv.nets.load import load_net
from edgeconv.quantize.plan.parameters import QuantizedConstant
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.quantize.simulate import Simulator
from edgeconv.quantize.simulate.fixed_point import Multiplier, half_away, rescale, rescale_once
from tests.helpers.simulated import reference_session, run_file
from tests.quantize.nets import Mobile, hub, photos


@pytest.fixture(scope="module")
def planned():
    inputs = photos(6)
    return quantize(hub(Mobile()), lambda: iter(inputs))


def test_a_whole_net_is_equal_to_the_last_bit(planned, tmp_path: Path) -> None:
    simulator = Simulator(planned.model, planned.plan)
    session = reference_session(planned.model, planned.plan, tmp_path / "net.tflite")
    for image in photos(4, seed=9):
        held = run_file(session, simulator, image, tmp_path / "net.tflite")
        for name, integers in simulator.run(image).items():
            assert np.array_equal(integers, held[name]), name


def test_real_outputs_are_near_the_float_net(planned) -> None:
    module = Mobile().eval()
    for image in photos(3, seed=4):
        (logits,) = Simulator(planned.model, planned.plan).outputs(image)
        wanted = module(torch.from_numpy(image)).detach().numpy()
        assert np.abs(logits - wanted).max() < 0.1 * np.abs(wanted).max()


def test_only_what_is_asked_for_is_kept(planned) -> None:
    simulator, image = Simulator(planned.model, planned.plan), photos(1)[0]
    whole = simulator.run(image)
    some = simulator.run(image, keep={"project"})
    assert set(some) == {"project", "logits"}
    assert all(np.array_equal(some[name], whole[name]) for name in some)


def test_float_islands_agree_with_the_file(planned, tmp_path: Path) -> None:
    islands = frozenset({"project", "depthwise.0"})
    plan = dataclasses.replace(planned.plan, islands=islands)
    assert islands <= {node.name for node in planned.model.graph}
    simulator = Simulator(planned.model, plan)
    session = reference_session(planned.model, plan, tmp_path / "net.tflite")
    for image in photos(3, seed=2):
        held = run_file(session, simulator, image, tmp_path / "net.tflite")
        made = simulator.run(image)
        for name in ("depthwise.1", "project", "logits"):
            assert np.abs(made[name].astype(int) - held[name].astype(int)).max() <= 1, name


def test_an_image_of_another_shape_is_refused(planned) -> None:
    with pytest.raises(UsageError, match="shape"):
        Simulator(planned.model, planned.plan).run(np.zeros((1, 3, 5, 5), np.float32))


def test_a_bias_that_could_overflow_the_accumulator_is_refused(planned) -> None:
    bias = planned.plan.constants["project.bias"]
    huge = QuantizedConstant(bias.params, np.full_like(bias.values, 2**31 - 1))
    plan = dataclasses.replace(
        planned.plan, constants={**planned.plan.constants, "project.bias": huge}
    )
    with pytest.raises(PlanRefused, match=r"project.*int32"):
        Simulator(planned.model, plan)


def test_a_layer_without_integers_is_refused(planned) -> None:
    constants = {k: v for k, v in planned.plan.constants.items() if k != "project.weight"}
    with pytest.raises(PlanRefused, match=r"project\.weight"):
        Simulator(planned.model, dataclasses.replace(planned.plan, constants=constants))


@pytest.mark.parametrize("factor", [0.25, 0.3, 2.0**-9, 0.999999, 1.5, 7.25])
def test_rounding_once_is_exact_rational_arithmetic(factor: float) -> None:
    sums = np.arange(-3000, 3000, 7)
    by = Multiplier.of(factor)
    exact = Fraction(int(by.mantissa), 2**31) * Fraction(2) ** int(by.shift)
    wanted = [_half_away(int(value) * exact) for value in sums]
    assert rescale_once(sums, by).tolist() == wanted


@pytest.mark.parametrize("factor", [0.25, 0.3, 2.0**-9, 1.5])
def test_rounding_twice_differs_by_at_most_one(factor: float) -> None:
    sums = np.random.default_rng(0).integers(-(2**24), 2**24, 5000)
    by = Multiplier.of(factor)
    apart = rescale(sums, by) - rescale_once(sums, by)
    assert np.abs(apart).max() <= 1


def test_half_rounds_away_from_zero() -> None:
    assert half_away([0.5, -0.5, 1.5, -2.5, 0.4]).tolist() == [1, -1, 2, -3, 0]


def _half_away(value: Fraction) -> int:
    whole = math.floor(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


@pytest.mark.parametrize(
    ("net", "weights"),
    [
        ("mobilenet_v2", "mobilenet_v2"),
        ("mobilenet_v1", "mobilenet_v1_075"),
        ("squeezenet1_1", "squeezenet1_1"),
    ],
)
def test_trained_nets_are_equal_to_the_last_bit(net, weights, real_data, tmp_path: Path) -> None:
    loaded = load_net(net, weights=str(real_data.weights / f"{weights}.safetensors"))
    model = capture(loaded.module, torch.zeros(1, 3, *loaded.preprocessing.input_size), name=net)
    calibration = calibration_photos(own_samples(real_data.calibration), loaded.intake, 4)
    whole = quantize(model, lambda: calibration.batches(1, raw=False))
    image = next(iter(calibration.batches(1, raw=False)))
    session = reference_session(whole.model, whole.plan, tmp_path / "net.tflite")
    simulator = Simulator(whole.model, whole.plan)
    held = run_file(session, simulator, image, tmp_path / "net.tflite")
    made = simulator.run(image)
    assert set(made) <= set(held)
    different = [name for name, array in made.items() if not np.array_equal(array, held[name])]
    assert different == []
    assert len(made) > 30
