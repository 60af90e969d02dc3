"""Dead channels put to use: proven dead, the same function, less noise."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import nn

from edgeconv.errors import BundleRefused
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.recipe.recipes import Recipe, quantize
from edgeconv.quantize.recipe.steps import EQUALIZE, EQUALIZE_BY_NOISE, REUSE_DEAD_CHANNELS
from edgeconv.quantize.refine.judge import run
from edgeconv.quantize.repair.bounds import channel_bounds, input_bounds
from edgeconv.quantize.repair.copies import chains, with_copies
from edgeconv.quantize.repair.ends import Ends
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.quantize.repair.reuse import reuse_dead_channels
from tests.quantize.nets import Mobile, conv, hub, photos, run_float, sqnr_db

DEAD = (1, 4, 5, 7)
#: What the photos never leave.
ANY = input_bounds((-6.0,) * 3, (6.0,) * 3)


class Stem(nn.Module):
    """A stem half of whose channels no pixels open, read by a depthwise layer and a pointwise one.

    Channel 4 is constant, not zero, behind the depthwise layer.
    """

    def __init__(
        self,
        *,
        clamp: nn.Module | None = None,
        pool: nn.Module | None = None,
        depthwise: bool = True,
        reader: nn.Module | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.clamp = clamp or nn.ReLU6()
        self.pool = pool or nn.Identity()
        self.depthwise = conv(8, 8, 3, groups=8) if depthwise else nn.Identity()
        self.second = reader or nn.Conv2d(8, 6, 1)
        with torch.no_grad():
            self.first.bias[list(DEAD)] = -40.0
            if depthwise:
                self.depthwise[0].bias[4] = 0.7

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.depthwise(self.pool(self.clamp(self.first(x)))))


def free(model: ir.Model) -> list[list[int]]:
    bounds = channel_bounds(model, ANY)
    return [chain.free(bounds) for chain in chains(model)]


def copies_of(model: ir.Model, of: dict[int, int]) -> dict[str, dict[int, int]]:
    (chain,) = chains(model)
    return dict.fromkeys(chain.tensors, of)


@pytest.mark.parametrize(
    "module",
    [
        Stem(),
        Stem(clamp=nn.ReLU()),
        Stem(depthwise=False),
        Stem(depthwise=False, pool=nn.MaxPool2d(3, 2, padding=1)),
        Stem(pool=nn.MaxPool2d(2)),
        Stem(depthwise=False, reader=nn.Conv2d(8, 6, 3, padding=1)),
    ],
    ids=["depthwise", "relu", "pointwise", "padded pool", "pool", "padded reader"],
)
def test_copies_keep_the_function(module: nn.Module) -> None:
    model = hub(module)
    assert free(model) == [list(DEAD)]
    copies = copies_of(model, {1: 0, 4: 2, 5: 2, 7: 6})
    repaired = with_copies(model, copies, channel_bounds(model, ANY))
    reference = run_float(model, photos(10))
    assert np.abs(reference).max() > 0.1
    np.testing.assert_allclose(run_float(repaired, photos(10)), reference, atol=2e-5)
    seen = observe(repaired, photos(10)).tensors[next(iter(copies))]
    np.testing.assert_array_equal(
        seen.channel_maximum[[1, 4, 5, 7]], seen.channel_maximum[[0, 2, 2, 6]]
    )


def test_bounds_hold_whatever_the_photo() -> None:
    model = hub(Mobile())
    bounds = channel_bounds(model, input_bounds((-3.0,) * 3, (2.0,) * 3, widened=0.0))
    inputs = [np.clip(photo, -3.0, 2.0) for photo in photos(30)]
    corners = [np.full_like(inputs[0], value) for value in (-3.0, 2.0)]
    seen = observe(model, [*inputs, *corners])
    followed = 0
    for name, tensor in seen.tensors.items():
        if name in bounds and np.isfinite(bounds[name].low).all():
            followed += 1
            assert (tensor.channel_minimum >= bounds[name].low).all(), name
            assert (tensor.channel_maximum <= bounds[name].high).all(), name
    assert followed >= 6


def test_a_bound_is_reached() -> None:
    model = hub(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()))
    weight = next(v for n, v in model.graph.initializers.items() if n.endswith("weight"))
    assert weight.const_value is not None
    signs = np.sign(weight.const_value.numpy()[2, :, 0, 0])
    best = np.where(signs > 0, 2.0, -3.0).reshape(1, 3, 1, 1) * np.ones((1, 3, 12, 12))
    (bound,) = (
        channel_bounds(model, input_bounds((-3.0,) * 3, (2.0,) * 3, widened=0.0))[v.name or ""]
        for v in model.graph.outputs
    )
    reached = run_float(model, [best.astype(np.float32)])[:, 2].max()
    np.testing.assert_allclose(bound.high[2], reached, rtol=1e-4)


class TwoReaders(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.one, self.other = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, padding=1)
        with torch.no_grad():
            self.first[0].bias[list(DEAD)] = -40.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return torch.cat([self.one(x), self.other(x)], 1)


def test_two_readers_share() -> None:
    model = hub(TwoReaders())
    assert free(model) == [list(DEAD)]
    repaired = with_copies(model, copies_of(model, {1: 3}), channel_bounds(model, ANY))
    reference = run_float(model, photos(5))
    np.testing.assert_allclose(run_float(repaired, photos(5)), reference, atol=2e-5)


class AddedTo(nn.Module):
    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = nn.Conv2d(8, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return x + self.second(x)


@pytest.mark.parametrize(
    "module",
    [
        AddedTo(TwoReaders().first),
        nn.Sequential(*TwoReaders().first, nn.Conv2d(8, 4, 1, groups=2)),
        TwoReaders().first,
        nn.Sequential(TwoReaders().first[0], nn.Hardswish(), nn.Conv2d(8, 4, 1)),
        nn.Sequential(TwoReaders().first[0], nn.Conv2d(8, 4, 1)),
    ],
    ids=["added", "grouped reader", "output", "hard-swish", "linear"],
)
def test_channels_that_others_see_are_no_chain(module: nn.Module) -> None:
    model = hub(module)
    assert all(chain.channels != 8 for chain in chains(model))


def test_a_constant_that_a_reader_pads_is_not_free() -> None:
    module = Stem(reader=nn.Conv2d(8, 6, 3, padding=1))
    biases = module.depthwise[0].bias.detach()
    zero = [channel for channel in DEAD if float(biases[channel]) <= 0]
    assert 4 not in zero
    assert zero
    assert free(hub(module)) == [zero]


def noise_of_clamped_tensors(model: ir.Model, plan: Plan) -> float:
    """SQNR with nothing rounded but what lies between the net's input and its output."""
    ends = {value.name for value in (*model.graph.inputs, *model.graph.outputs)}
    inner = {name: params for name, params in plan.activations.items() if name not in ends}
    last = {value.producer() for value in model.graph.outputs}
    islands = frozenset(node.name or "" for node in last if node is not None)
    rounded = insert_qdq(model, Plan(inner, {}, plan.requantize, islands))
    fresh = photos(20, seed=5)
    return sqnr_db(run_float(model, fresh), run(rounded, fresh)[0])


def test_int8_gets_more_accurate_and_the_same_graph_comes_out() -> None:
    model = hub(Stem())
    plan = build_plan(model, observe(model, photos(40)), PlanConfig())
    reused, again = (
        reuse_dead_channels(model, plan, ANY, photos(8)),
        reuse_dead_channels(model, plan, ANY, photos(8)),
    )
    assert [sorted(of) for of in reused.copies.values()] == [list(DEAD)] * 2
    one, other = (
        ir.to_proto(found.model).SerializeToString(deterministic=True) for found in (reused, again)
    )
    assert one == other
    better = build_plan(reused.model, observe(reused.model, photos(40)), PlanConfig())
    before, after = (
        noise_of_clamped_tensors(model, plan),
        noise_of_clamped_tensors(reused.model, better),
    )
    assert after > before + 4  # every live channel has a copy: half the step, 6 dB at best


def test_nothing_is_done_where_nothing_is_dead() -> None:
    model = hub(Mobile())
    plan = build_plan(model, observe(model, photos(10)), PlanConfig())
    reused = reuse_dead_channels(model, plan, ANY, photos(8))
    assert reused.copies == {}
    assert reused.model is model


@pytest.mark.parametrize(
    "copies",
    [
        {"no such tensor": {0: 1}},
        {"clamp": {1: 8}},
        {"clamp": {8: 1}},
        {"clamp": {1: 4, 4: 0}},
        {"clamp": {0: 2}},
    ],
    ids=["tensor", "no such source", "no such channel", "copy of a copy", "live"],
)
def test_copies_of_another_net_are_refused(copies: dict[str, dict[int, int]]) -> None:
    model = hub(Stem())
    (chain,) = chains(model)
    named = {
        tensor: of
        for name, of in copies.items()
        for tensor in (chain.tensors if name == "clamp" else (name,))
    }
    with pytest.raises(BundleRefused, match="export the net again"):
        with_copies(model, named, channel_bounds(model, ANY))


class Quiet(nn.Module):
    """A stem with channels that hardly open, which equalization scales up to their clamp."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Conv2d(3, 8, 3)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.second = nn.Conv2d(8, 6, 1)
        with torch.no_grad():
            reach = 6 * self.first.weight.abs().sum(dim=(1, 2, 3))
            self.first.bias[:4] = -reach[:4] * (1 - 10 ** (-1 - 3 * torch.rand(4)))
            self.depthwise.weight[:4] = self.depthwise.weight[:4].abs()
            taps = self.depthwise.weight[:4].sum(dim=(1, 2, 3))
            most = (self.first.bias[:4] + reach[:4]) * taps
            self.depthwise.bias[:4] = -most * (0.05 + 0.9 * torch.rand(4))
            self.first.bias[4] = -2 * reach[4]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu6(self.first(x))
        return self.second(nn.functional.relu6(self.depthwise(x)))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_reused_is_dead_in_the_float_net_too(seed: int) -> None:
    model = hub(Quiet(seed))
    inputs = [0.3 * photo for photo in photos(12)]
    recipe = Recipe("", (EQUALIZE, EQUALIZE_BY_NOISE, REUSE_DEAD_CHANNELS), 12, measured=False)
    done = quantize(model, lambda: inputs, ends=Ends(ANY), recipe=recipe)
    bounds = channel_bounds(done.model, ANY)
    assert [chain.free(bounds) for chain in chains(done.model)] != free(model)
    assert [list(of) for of in done.repairs.copies.values()] == free(model) * 2
    with_copies(model, done.repairs.copies, channel_bounds(model, ANY))


class WithConstant(nn.Module):
    """A tensor beside which a constant is laid, read by a convolution with dead channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("constant", 50 * torch.ones(1, 3, 12, 12))
        self.first = nn.Conv2d(6, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.first.bias[::2] = -40.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.constant, x], 1)
        return self.second(torch.relu(self.first(x)))


def test_nothing_is_known_of_what_a_constant_is_laid_beside() -> None:
    model = hub(WithConstant())
    bounds = channel_bounds(model, ANY)
    (joined,) = (node.outputs[0].name or "" for node in model.graph if node.op_type == "Concat")
    assert len(bounds[joined].low) == 6
    assert not np.isfinite(bounds[joined].high).any()
    assert free(model) == [[]]


def test_copies_that_no_layer_reads_are_not_made() -> None:
    module = Stem(depthwise=False)
    with torch.no_grad():
        module.second.weight.zero_()
    model = hub(module)
    plan = build_plan(model, observe(model, photos(10)), PlanConfig())
    assert free(model) == [list(DEAD)]
    assert reuse_dead_channels(model, plan, ANY, photos(8)).copies == {}


class Sparse(nn.Module):
    """A depthwise layer behind a tensor that is zero nearly everywhere."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = conv(3, 8)
        self.depthwise = conv(8, 8, 3, groups=8)
        self.second = nn.Conv2d(8, 6, 1)
        with torch.no_grad():
            self.first[0].bias -= 1.0
            self.first[0].bias[::2] = -40.0
            self.depthwise[0].weight.abs_()
            self.depthwise[0].bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.depthwise(self.first(x)))


def test_a_tensor_that_is_mostly_zero_loses_nothing() -> None:
    model = hub(Sparse())
    plan = build_plan(model, observe(model, photos(40)), PlanConfig())
    reused = reuse_dead_channels(model, plan, ANY, photos(8))
    assert reused.copies
    better = build_plan(reused.model, observe(reused.model, photos(40)), PlanConfig())
    before = noise_of_clamped_tensors(model, plan)
    assert noise_of_clamped_tensors(reused.model, better) > before - 0.5


def test_where_no_bounds_of_the_input_are_known_nothing_is_dead() -> None:
    model = hub(Stem())
    recipe = Recipe("", (REUSE_DEAD_CHANNELS,), 32, measured=False)
    for ends, copied in ((Ends(), False), (Ends(ANY), True)):
        done = quantize(model, lambda: photos(32), ends=ends, recipe=recipe)
        assert bool(done.repairs.copies) == copied


def test_photos_past_the_trials_grid_do_not_open_what_was_copied() -> None:
    model = hub(Stem())
    inputs = [
        *(0.5 * photo for photo in photos(32)),
        *(1.3 * photo for photo in photos(32, seed=7)),
    ]
    widest = float(np.abs(inputs).max())
    assert widest <= 6.0
    recipe = Recipe("", (REUSE_DEAD_CHANNELS,), 32, measured=False)
    ends = Ends(ANY)
    done = quantize(model, lambda: inputs, ends=ends, recipe=recipe)
    reference = run_float(model, inputs)
    found = run_float(done.model, inputs)
    assert done.repairs.copies
    assert sqnr_db(reference, found) > 50


def test_repairs_survive_json() -> None:
    repairs = Repairs({"c": (2.0, 0.125)}, {"a": {3: 0, 1: 2}}, {"b": (0.5, -1.25, 0.0)}, ("c",))
    assert Repairs.from_json(repairs.to_json()) == repairs


def test_later_repairs_go_on_from_earlier_ones() -> None:
    first = Repairs(factors={"a": (2.0, 4.0, 8.0)}, offsets={"b": (1.0, -3.0)})
    scaled = first.and_then(Repairs(factors={"a": (0.5, 1.0, 1.0), "b": (2.0, 3.0)}))
    assert scaled.factors == {"a": (1.0, 4.0, 8.0), "b": (2.0, 3.0)}
    assert scaled.offsets == {"b": (2.0, -9.0)}
    copied = scaled.and_then(Repairs(copies={"a": {0: 2}}))
    assert copied.factors["a"] == (8.0, 4.0, 8.0)
    assert copied.copies == {"a": {0: 2}}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"copies": {}, "offsets": []},
        {"copies": {"a": {"x": 1}}},
        {"copies": {"a": {"-1": 1}}},
        {"copies": {"a": {"1": True}}},
        {"copies": {"a": {"1": "2"}}},
        {"copies": {"a": {"1": 10**30}}},
        {"copies": {"a": {"1": 4, "4": 0}}},
        {"offsets": {"a": "1 nan"}},
        {"offsets": {"a": "1 x"}},
        {"offsets": {"a": [1.0]}},
        {"factors": {"a": "1 0"}},
        {"factors": {"a": "1 -2"}},
        {"swishes": [1]},
        {"swishes": None},
        {"divided": {"a": "1 -2"}},
        {"divided": {"a": [1]}},
        {"orders": {"a": "0 1.5"}},
        {"orders": None},
    ],
)
def test_an_altered_record_is_refused(document: object) -> None:
    if isinstance(document, dict) and document:
        document = {**Repairs().to_json(), **document}
    with pytest.raises(BundleRefused, match=r"the repairs in quantization\.json were altered"):
        Repairs.from_json(document)
