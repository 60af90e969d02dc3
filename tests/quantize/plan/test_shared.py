"""Tensors that must carry one scale, and edges that are requantized instead."""

from __future__ import annotations

import torch
from torch import nn

from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.parameters import Edge
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.plan.ranges import Range
from edgeconv.quantize.plan.shared import on_one_grid, share
from edgeconv.quantize.recipe.draft import Draft
from tests.quantize.nets import Mobile, hub, photos


class Pools(nn.Module):
    """conv -> max-pool -> average-pool -> flatten."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(self.conv(x), 2)
        return nn.functional.avg_pool2d(x, 2).flatten(1)


class Fork(nn.Module):
    """Two convolutions concatenated; with `reread` the first is read again by a third."""

    def __init__(self, *, reread: bool) -> None:
        super().__init__()
        self.narrow, self.wide, self.again = (nn.Conv2d(3, 4, 1) for _ in range(3))
        self.reader = nn.Conv2d(4, 8, 1)
        self.reread = reread

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        narrow = self.narrow(x)
        joined = torch.cat([narrow, self.wide(x)], 1)
        return joined * 2.0 + self.reader(narrow) if self.reread else joined * 2.0


def names_by_operator(module: nn.Module) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for target in targets(hub(module)):
        kind = "input" if target.producer is None else target.producer.op_type
        found.setdefault(kind, []).append(target.name)
    return found


def test_pools_and_flatten_take_the_hull_of_their_ranges() -> None:
    model = hub(Pools())
    names = [t.name for t in targets(model)]
    ranges: dict[str, Range] = dict(
        zip(names, [(-9.0, 9.0), (-1.0, 2.0), (0.0, 4.0), (0.0, 1.0), (0.0, 1.0)], strict=True)
    )
    shared = share(model, ranges)
    assert shared.ranges[names[0]] == (-9.0, 9.0)
    assert {shared.ranges[name] for name in names[1:]} == {(-1.0, 4.0)}
    assert not shared.requantize


def ranges_of_fork(module: nn.Module) -> tuple[dict[str, Range], dict[str, str]]:
    """Every tensor spans 10, `narrow` only 1."""
    names = names_by_operator(module)
    roles = {"joined": names["Concat"][0], "narrow": "narrow", "wide": "wide"}
    ranges = {name: (0.0, 10.0) for group in names.values() for name in group}
    ranges["narrow"] = (0.0, 1.0)
    return ranges, roles


def test_a_concatenation_shares_its_scale_with_inputs_nobody_else_reads() -> None:
    module = Fork(reread=False)
    ranges, roles = ranges_of_fork(module)
    shared = share(hub(module), ranges)
    assert not shared.requantize
    assert {shared.ranges[name] for name in roles.values()} == {(0.0, 10.0)}


def test_an_input_that_would_suffer_keeps_its_scale_and_its_edge_is_requantized() -> None:
    module = Fork(reread=True)
    ranges, roles = ranges_of_fork(module)
    model = hub(module)
    shared = share(model, ranges)
    (concat,) = (node.name for node in model.graph if node.op_type == "Concat")
    assert shared.requantize == (Edge(concat or "", 0),)
    assert shared.ranges["narrow"] == (0.0, 1.0)
    assert shared.ranges["wide"] == shared.ranges[roles["joined"]] == (0.0, 10.0)


def test_below_the_threshold_nothing_is_requantized() -> None:
    module = Fork(reread=True)
    ranges, _ = ranges_of_fork(module)
    shared = share(hub(module), ranges, threshold=20.0)
    assert not shared.requantize
    assert shared.ranges["narrow"] == (0.0, 10.0)


def test_prescribed_parameters_are_not_overruled_by_a_concatenation() -> None:
    module = Fork(reread=False)
    ranges, _ = ranges_of_fork(module)
    model = hub(module)
    shared = share(model, ranges, prescribed=["wide"])
    assert [edge.index for edge in shared.requantize] == [1]
    assert shared.prescribed == {"wide": "wide"}


def test_pools_hold_their_tensors_on_one_grid() -> None:
    draft = Draft(hub(Pools()), lambda: photos(2), PlanConfig())
    given, *pooled = (t.name for t in targets(draft.model))
    assert on_one_grid(draft.model, draft.plan) == [(given,), tuple(pooled)]


def test_grids_alike_by_chance_are_apart() -> None:
    """Behind every ReLU6 the range ends at 6, and still each may be another."""
    loud = [100 * photo for photo in photos(2)]
    draft = Draft(hub(Mobile()), lambda: loud, PlanConfig(ranges="minmax"))
    keys = [params.key for params in draft.plan.activations.values()]
    assert len(set(keys)) < len(keys) - 1
    clamped = {t.name for t in targets(draft.model) if t.bounds == (0.0, 6.0)}
    assert len(clamped) == 4
    grids = on_one_grid(draft.model, draft.plan)
    assert all(len(names) == 1 for names in grids if not clamped.isdisjoint(names))


def test_an_edge_that_is_requantized_ties_nothing() -> None:
    model = hub(Fork(reread=True))
    for threshold, apart in ((1e-9, 2), (1e9, 0)):
        config = PlanConfig(concat_threshold=threshold)
        draft = Draft(model, lambda: photos(2), config)
        assert len(draft.plan.requantize) >= apart // 2
        (joined,) = (names for names in on_one_grid(model, draft.plan) if "wide" in names)
        assert ("narrow" in joined) == (apart == 0)
