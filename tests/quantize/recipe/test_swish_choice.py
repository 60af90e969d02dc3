"""Which swishes are scaled: those whose noise reaches the outputs, within what may be added."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import torch
from torch import nn

from edgeconv.graph.view import shape_of
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.steps import SCALE_SWISHES
from edgeconv.quantize.recipe.swish_choice import Seen, worthwhile_swishes
from edgeconv.quantize.repair.swish import swishes
from tests.quantize.nets import Mobile, hub, photos
from tests.quantize.repair.test_swish import Gated


class TwoWays(nn.Module):
    """Two swishes of one size whose channels differ alike; the second hardly reaches the output."""

    def __init__(self, reach: tuple[float, float]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 8, 1)
        self.after_first, self.after_second = nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3)
        self.last = nn.Linear(16, 10)
        with torch.no_grad():
            for layer in (self.first, self.second):
                scales = torch.tensor([40.0, 1, 1, 1, 1, 1, 1, 1])
                layer.weight *= scales.reshape(-1, 1, 1, 1)
            self.last.weight[:, :8] *= reach[0]
            self.last.weight[:, 8:] *= reach[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.after_first(nn.functional.silu(self.first(x)))
        other = self.after_second(nn.functional.silu(self.second(x)))
        return self.last(torch.cat([one.mean((2, 3)), other.mean((2, 3))], 1))


def chosen(model: ir.Model, affordable: float) -> list[str]:
    seen = Seen(model, photos(8), observe(model, photos(8)))
    return worthwhile_swishes(seen, PlanConfig(), affordable)


def test_one_whose_noise_hardly_reaches_the_output_is_not_worth_it() -> None:
    for reach, best in (((1.0, 0.001), 0), ((0.001, 1.0), 1)):
        model = hub(TwoWays(reach))
        every = list(swishes(model))
        assert len(every) == 2
        assert chosen(model, 0.5) == [every[best]]
        assert chosen(model, 1.0) == [every[best]]


def test_the_swishes_chosen_compute_no_more_than_is_affordable() -> None:
    model = hub(Gated(0))
    values = {v.name: v for node in model.graph for v in node.outputs}
    sizes = {name: np.prod(shape_of(values[name])) for name in swishes(model)}
    few, more = (chosen(model, affordable) for affordable in (0.3, 0.7))
    assert 1 <= len(few) < len(more) < len(sizes)
    for found, affordable in ((few, 0.3), (more, 0.7)):
        assert sum(sizes[name] for name in found) <= affordable * sum(sizes.values())


def test_nets_without_swishes_are_left_alone() -> None:
    model = hub(Mobile())
    assert chosen(model, 1.0) == []
    draft = Draft(model, lambda: photos(4), PlanConfig())
    assert SCALE_SWISHES.apply(draft) is draft
