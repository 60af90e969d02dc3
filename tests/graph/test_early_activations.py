"""A clamp behind moved values stands right behind the layer that gives them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.graph.fusion import is_absorbed
from tests.helpers.hub import capture_and_compare, operators


class Apply(nn.Module):
    def __init__(self, function, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layers(x))


@pytest.mark.parametrize("clamp", [nn.ReLU(), nn.ReLU6(), nn.Hardtanh()], ids=repr)
@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv2d(3, 8, 3), nn.PixelShuffle(2)),
        (nn.Conv2d(3, 8, 1), nn.Flatten(2)),
        (nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1), nn.ChannelShuffle(2)),
        (nn.Flatten(2), nn.Conv1d(3, 4, 3)),
        (nn.Conv2d(3, 4, 1), nn.ConvTranspose2d(4, 4, 3, 2, 1, 1, groups=2)),
    ],
    ids=lambda layers: type(layers[-1]).__name__,
)
def test_it_is_absorbed_by_the_layer(layers: tuple[nn.Module, ...], clamp: nn.Module) -> None:
    model = capture_and_compare(nn.Sequential(*layers, clamp), bound=4e-6)
    clamps = [node for node in model.graph if node.op_type in ("Relu", "Clip")]
    assert len(clamps) == 1
    assert is_absorbed(clamps[0])


@pytest.mark.parametrize(
    "function",
    [
        lambda y: (F.relu(F.pixel_shuffle(y, 2)), F.pixel_shuffle(y, 2)),
        lambda y: F.relu(F.pad(y, (1, 1), value=-0.5)),
        lambda y: F.relu(torch.cat([y, y + 1], 1).flatten(2)),
    ],
    ids=["two readers", "padding that is clamped too", "several sources"],
)
def test_it_stays_where_it_would_change_something(function) -> None:
    def joined(y: Tensor) -> Tensor:
        result = function(y)
        return torch.cat([result[0], -result[1]], 1) if isinstance(result, tuple) else result

    model = capture_and_compare(Apply(joined, nn.Conv2d(3, 8, 1)))
    assert not any(is_absorbed(node) for node in model.graph)


def test_between_layers_of_numbers_in_line_nothing_is_reshaped() -> None:
    net = nn.Sequential(
        nn.Flatten(2), nn.Conv1d(3, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(4, 4, 3)
    )
    found = operators(capture_and_compare(net))
    assert found[1:-1] == ["Reshape", "Conv", "Relu", "MaxPool", "Conv"][: len(found) - 2]
