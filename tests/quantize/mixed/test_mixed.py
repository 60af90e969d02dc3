"""Which operators stay in float, and that files and simulator keep them there."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgeconv.errors import PlanRefused, UsageError
from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import name_of
from edgeconv.quantize.mixed.choice import Candidate, Chooser, ChoosingPhotos
from edgeconv.quantize.mixed.ladder import MOST_TESTED
from edgeconv.quantize.mixed.predicted_drop import FEWEST_PHOTOS, predict_drop
from edgeconv.quantize.mixed.sensitivity import noise_by_photo
from edgeconv.quantize.mixed.switches import SwitchedNet
from edgeconv.quantize.plan.affine import quantize as quantize_array
from edgeconv.quantize.plan.in_float import with_islands
from edgeconv.quantize.plan.rules import check_plan
from edgeconv.quantize.recipe.recipes import Quantized, Recipe, quantize
from edgeconv.quantize.simulate import Simulator
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.audit.any_file import audit
from tests.helpers.hub import node_named
from tests.helpers.plans import all_values
from tests.helpers.simulated import reference_session, run_file
from tests.quantize.nets import Mobile, hub, photos, run_float, run_planned


def chooser(planned: Quantized, judging: int, padding: int = 0) -> Chooser:
    others = photos(judging, seed=1)
    padded = others + padding * others[-1:]
    return Chooser(planned.model, planned.plan, ChoosingPhotos(photos(16), padded, judging))


def kept_by(planned: Quantized, judging: int, max_drop: float) -> Candidate:
    return chooser(planned, judging).fewest(max_drop)


#: A residual block: its input is read in float by the Add and the convolution beside it.
BLOCK = frozenset({"stem.0", "expand.0", "depthwise.0", "project", "add"})


@pytest.fixture(scope="module")
def planned():
    inputs = photos(12)
    return quantize(hub(Mobile()), lambda: iter(inputs), recipe="fast")


class Narrow(nn.Module):
    """A net one of whose convolutions cannot be rounded: two channels a thousandfold apart."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.hard = nn.Conv2d(8, 2, 1)
        self.back = nn.Conv2d(2, 8, 1)
        self.last = nn.Conv2d(8, 16, 3, stride=4, bias=False)
        self.classifier = nn.Linear(144, 10, bias=False)
        with torch.no_grad():
            self.hard.weight[1] *= 1000
            self.back.weight[:, 1] /= 1000
            self.classifier.weight *= 15  # so that some answers are sure and some are not

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.back(self.hard(torch.relu(self.first(x)))))
        return self.classifier(self.last(x).flatten(1))


@pytest.fixture(scope="module")
def narrow():
    inputs = photos(12)
    bare = Recipe("bare", (), 12, measured=False)
    return quantize(hub(Narrow()), lambda: iter(inputs), recipe=bare)


def test_all_switches_on_is_the_fake_quantized_net_and_none_the_float_net(planned) -> None:
    net, images = SwitchedNet(planned.model, planned.plan), photos(4, seed=5)
    every = range(len(net.switches))
    int8 = run_planned(planned.model, planned.plan, images)
    floats = run_float(planned.model, images)
    assert np.allclose(net.values(images, every, ends=True), int8.reshape(4, -1), atol=1e-5)
    assert np.allclose(net.values(images, (), ends=False), floats.reshape(4, -1), atol=1e-5)


def test_a_switch_with_its_nodes_in_float_is_gone_from_the_plan(planned) -> None:
    net = SwitchedNet(planned.model, planned.plan)
    kept = with_islands(planned.model, planned.plan, BLOCK)
    gone = [switch for switch in net.switches if switch.nodes <= BLOCK]
    assert {s.kind for s in gone} == {"activation", "weights"}
    for switch in gone:
        assert not set(switch.tensors) & {*kept.activations, *kept.constants}
    left = SwitchedNet(planned.model, kept)
    assert len(left.switches) == len(net.switches) - len(gone)


def test_the_operator_that_cannot_be_rounded_is_found(narrow) -> None:
    found = kept_by(narrow, 56, max_drop=1.0)
    assert chooser(narrow, 56).whole.predicted.at_most_points > 1.0
    assert [i.node for i in found.islands if i.multiply_adds] == ["hard", "back"]
    assert sum(island.multiply_adds for island in found.islands) == 144 * (8 * 2 + 2 * 8)
    assert max(found.islands, key=lambda island: island.noise_share).node == "back"
    assert found.predicted.at_most_points <= 1.0
    assert found.multiply_adds_share < 0.1


def test_the_bound_holds_on_photos_that_were_not_used(narrow) -> None:
    found = kept_by(narrow, 56, max_drop=1.0)
    fresh = photos(200, seed=77)
    exact = run_float(narrow.model, fresh).reshape(200, -1)

    def expected_drop(plan) -> float:
        """By the float net's own probabilities, from the simulator's integers."""
        simulator = Simulator(narrow.model, plan)
        first = np.array([int(np.argmax(simulator.outputs(x)[0])) for x in fresh])
        shares = np.exp(exact) / np.exp(exact).sum(axis=1, keepdims=True)
        return float(100 * (shares.max(axis=1) - shares[np.arange(200), first]).mean())

    assert expected_drop(found.plan) <= 1.0


def test_a_tighter_bound_keeps_more_in_float_and_less_noise(narrow) -> None:
    loose, tight = (kept_by(narrow, 56, bound) for bound in (2.0, 0.0))
    assert {i.node for i in loose.islands} < {i.node for i in tight.islands}
    assert tight.predicted.at_most_points < loose.predicted.at_most_points


def test_what_fills_up_a_batch_judges_nothing(narrow) -> None:
    plain, padded = (chooser(narrow, 40, padding).fewest(1.0) for padding in (0, 3))
    assert plain.predicted.photos == 40
    assert plain.to_json() == padded.to_json()


def test_a_sequence_goes_from_most_in_float_to_everything_in_int8(narrow) -> None:
    """Each plan keeps less in float than the one before, and is predicted to change more."""
    found = chooser(narrow, 56).from_most_float()
    kept = [{island.node for island in candidate.islands} for candidate in found]
    assert 2 <= len(found) <= MOST_TESTED
    assert all(more > less for more, less in pairwise(kept))
    assert found[0].multiply_adds_share <= 0.5
    assert found[-1].plan is narrow.plan
    predicted = [candidate.predicted.disagreement for candidate in found]
    assert predicted == sorted(predicted)


def test_within_the_bound_nothing_stays_in_float(planned) -> None:
    found = kept_by(planned, FEWEST_PHOTOS, max_drop=100.0)
    assert found.islands == ()
    assert found.plan is planned.plan


def test_a_bound_out_of_reach_keeps_half_in_float(narrow) -> None:
    found = kept_by(narrow, FEWEST_PHOTOS, max_drop=0.0)
    assert found.predicted.at_most_points > 0.0
    assert found.islands
    assert found.multiply_adds_share <= 0.5


def test_what_the_ends_cost_is_told(narrow) -> None:
    """A coarse output in an otherwise ideal net: nothing kept in float can mend it."""
    name = narrow.model.graph.outputs[0].name
    coarse = dataclasses.replace(
        narrow.plan.activations[name],
        scale=40 * narrow.plan.activations[name].scale,
        zero_point=np.zeros_like(narrow.plan.activations[name].zero_point),
    )
    plan = dataclasses.replace(narrow.plan, activations={**narrow.plan.activations, name: coarse})
    found = chooser(dataclasses.replace(narrow, plan=plan), FEWEST_PHOTOS)
    assert found.fewest(0.5).predicted.at_most_points > 0.5
    assert found.least_drop().at_most_points > 0.5


def test_too_few_photos_and_nets_that_classify_nothing_are_refused(planned) -> None:
    with pytest.raises(UsageError, match=f"at least {FEWEST_PHOTOS}"):
        kept_by(planned, FEWEST_PHOTOS - 1, 1.0)
    features = hub(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    inputs = photos(12)
    plan = quantize(features, lambda: iter(inputs), recipe="fast")
    with pytest.raises(UsageError, match="classifier"):
        kept_by(plan, FEWEST_PHOTOS, 1.0)


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_both_files_keep_the_islands_in_float(planned, tmp_path: Path, suffix: str) -> None:
    plan = with_islands(planned.model, planned.plan, BLOCK)
    path = tmp_path / f"net{suffix}"
    if suffix == ".onnx":
        onnx_writer.write(planned.model, path, "int8", plan, io="float32")
    else:
        tflite.write(planned.model, path, "int8", plan, io="float32")
    images = photos(6, seed=9)
    session = open_session(path, SessionOptions(kernels="reference"))
    logits = run_logits(session, Images(np.concatenate(images)))
    net = SwitchedNet(planned.model, planned.plan)
    on = [i for i, switch in enumerate(net.switches) if not switch.nodes <= BLOCK]
    wanted = net.values(images, on, ends=True)
    step = float(planned.plan.activations["logits"].scale)
    assert np.abs(logits - wanted).max() <= 1.01 * step
    found = audit(path)
    work = {"stem.0": 144 * 27 * 8, "expand.0": 144 * 128, "depthwise.0": 144 * 144}
    total = sum(work.values()) + 144 * 128 + 144 * 8 * 24 + 240
    assert found.int8_share == pytest.approx((144 * 8 * 24 + 240) / total)


def test_an_island_reads_what_the_island_before_it_wrote(planned, tmp_path: Path) -> None:
    kept = frozenset({"stem.0", "expand.0"})  # the Add reads the stem's output as integers
    plan = with_islands(planned.model, planned.plan, kept)
    tensor = next(n.inputs[0].name for n in planned.model.graph if n.name == "expand.0")
    assert tensor in plan.activations
    simulator = Simulator(planned.model, plan)
    path = tmp_path / "net.tflite"
    session = reference_session(planned.model, plan, path)
    for image in photos(3, seed=2):
        held, made = run_file(session, simulator, image, path), simulator.run(image)
        assert set(made) <= {*held, *plan.activations}
        for name in made:
            assert np.abs(made[name].astype(int) - held[name].astype(int)).max() <= 1, name
    written = name_of(written_output(node_named(planned.model, "expand.0")))
    for image in photos(3, seed=4):
        made = simulator.run(image)
        exact = all_values(planned.model, simulator.reals("input", made["input"]))[written]
        wanted = quantize_array(exact, plan.activations[written])
        assert np.abs(made[written].astype(int) - wanted).max() <= 1
        assert np.mean(made[written] != wanted) < 0.001  # were the stem rounded: several per cent
        rounded = Simulator(planned.model, planned.plan).run(image)[written]
        assert np.mean(rounded != wanted) > 0.01


def test_an_operator_on_integers_cannot_read_a_tensor_without_parameters(planned) -> None:
    tensor = next(n.inputs[0].name for n in planned.model.graph if n.name == "head.0")
    activations = {k: v for k, v in planned.plan.activations.items() if k != tensor}
    writer = frozenset({"add"})
    plan = dataclasses.replace(planned.plan, activations=activations, islands=writer)
    with pytest.raises(PlanRefused, match=tensor):
        check_plan(planned.model, plan)


class TestPredictedDrop:
    """Against draws from a known distribution: labels follow the float net's own probabilities."""

    @staticmethod
    def logits(count: int, seed: int) -> np.ndarray:
        return 2.0 * np.random.default_rng(seed).standard_normal((count, 20))

    def test_identical_logits_cost_nothing(self) -> None:
        exact = self.logits(64, 0)
        found = predict_drop(exact, exact)
        assert (found.points, found.at_most_points, found.disagreement) == (0.0, 0.0, 0.0)

    @pytest.mark.parametrize("spread", [0.1, 0.3, 0.8])
    def test_the_bound_lies_above_the_true_drop(self, spread: float) -> None:
        many = self.logits(20_000, 1)
        generator = np.random.default_rng(2)
        rounded = many + spread * generator.standard_normal(many.shape)
        shares = np.exp(many) / np.exp(many).sum(axis=1, keepdims=True)
        rows = np.arange(len(many))
        cost = shares.max(axis=1) - shares[rows, rounded.argmax(axis=1)]
        true_drop = 100 * cost.mean()
        bounds = []
        for start in range(0, 40 * 100, 100):
            part = slice(start, start + 100)
            bounds.append(predict_drop(many[part], rounded[part]).at_most_points)
        assert np.mean(np.array(bounds) >= true_drop) >= 0.95
        assert np.median(bounds) <= 4 * true_drop + 0.3

    def test_more_noise_costs_more(self) -> None:
        exact, generator = self.logits(100, 5), np.random.default_rng(6)
        errors = generator.standard_normal(exact.shape)
        drops = [predict_drop(exact, exact + s * errors).points for s in (0.1, 0.4, 1.6)]
        assert drops == sorted(drops)

    def test_logits_clipped_alike_count_as_lost(self) -> None:
        exact = np.zeros((64, 10))
        exact[:, 3], exact[:, 7] = 9.0, 7.0
        assert predict_drop(exact, np.minimum(exact, 6.0)).points > 80

    def test_too_few_photos_are_refused(self) -> None:
        with pytest.raises(UsageError, match=str(FEWEST_PHOTOS)):
            predict_drop(self.logits(8, 0), self.logits(8, 0))


def test_a_shift_of_all_logits_is_no_noise() -> None:
    exact = np.random.default_rng(0).standard_normal((5, 30))
    assert noise_by_photo(exact, exact + 3.0) == pytest.approx(np.zeros(5), abs=1e-12)
    assert (noise_by_photo(exact, exact * 1.1) > 0).all()
