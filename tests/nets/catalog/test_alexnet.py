"""AlexNet is torchvision's."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from edgeconv.nets.registry import find
from tests.nets.catalog.filling import assert_same_filled_net, unfilled


@pytest.mark.parametrize("size", [(64, 96), (224, 224), (130, 300)])
def test_a_torchvision_state_dict_loads_strictly_and_gives_the_same_logits(
    size: tuple[int, int], torchvision: ModuleType
) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.alexnet(num_classes=10)
    assert_same_filled_net(unfilled("alexnet"), theirs, size)


def test_it_cannot_take_less_than_its_minimum() -> None:
    side = find("alexnet").minimum_input - 1
    with pytest.raises(RuntimeError, match="too small"):
        unfilled("alexnet")(torch.zeros(1, 3, side, side, device="meta"))
