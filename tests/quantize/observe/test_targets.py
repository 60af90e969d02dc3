"""Which tensors are quantized, and which of them decide what the net says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.affine import covered
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.draft import Draft
from tests.quantize.nets import hub, photos

SHAPE = (1, 3, 32, 32)

Head = Callable[[torch.Tensor], torch.Tensor]


class Classifier(nn.Module):
    """A stem and, as in SqueezeNet, a map for each class that `head` makes one answer of."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.maps = nn.Conv2d(8, 10, 1)
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(self.maps(x * x * x)))


def averaged(x: torch.Tensor) -> torch.Tensor:
    return x.mean((2, 3))


def pooled_softmax(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.max_pool2d(x, 32).flatten(1).softmax(1)


def answers(module: nn.Module) -> list[bool]:
    return [target.is_answer for target in targets(hub(module, SHAPE))]


@pytest.mark.parametrize("head", [averaged, pooled_softmax])
def test_class_maps_are_an_answer_where_no_weight_stands_behind_them(head: Head) -> None:
    found = answers(Classifier(head))
    first = found.index(True)
    named = targets(hub(Classifier(head), SHAPE))
    assert named[first].producer is not None
    assert named[first].producer.name == "maps"
    assert all(found[first:])


def weighed() -> Classifier:
    """Another layer behind the maps, so that they are features."""
    return Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(10, 4)))


def test_features_behind_which_a_classifier_stands_are_none() -> None:
    wanted = [t.name for t in targets(hub(weighed(), SHAPE)) if t.is_answer]
    assert wanted == ["logits"]


@pytest.mark.parametrize(("module", "kept"), [(Classifier(averaged), True), (weighed(), False)])
def test_the_highest_class_map_is_not_clipped_where_features_would_be(
    module: nn.Module, kept: bool
) -> None:
    model = hub(module, SHAPE)
    draft = Draft(model, lambda: photos(8, SHAPE), PlanConfig(ranges="mse"))
    (maps,) = (t.name for t in targets(model) if t.producer and t.producer.name == "maps")
    _, high = covered(draft.plan.activations[maps])
    assert (high > 0.98 * draft.observations.tensors[maps].maximum) == kept
