"""Convolutions and pools along three axes are computed by those of images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.graph.view import shape_of
from tests.helpers.hub import run_hub, unsettle

SHAPE = (2, 3, 24, 10)


class Frames(nn.Module):
    """Six frames of 4 x 10 pixels."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = unsettle(nn.Sequential(*layers))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x.unflatten(2, (6, 4)))
        return y


NETS = {
    "a BatchNorm behind": lambda: Frames(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4)),
    "along the first axis": lambda: Frames(
        nn.Conv3d(3, 4, (2, 3, 5), (3, 1, 2), (1, 1, 2), (2, 1, 1))
    ),
    "along the second axis": lambda: Frames(nn.Conv3d(3, 4, (3, 1, 3), (1, 2, 2), (1, 1, 0))),
    "along the last axis": lambda: Frames(nn.Conv3d(3, 4, (5, 3, 1), padding=(2, 1, 0))),
    "depthwise": lambda: Frames(nn.Conv3d(3, 6, 2, groups=3, padding=1, bias=False)),
    "in groups": lambda: Frames(nn.Conv3d(3, 4, 1), nn.Conv3d(4, 4, (2, 3, 3), groups=2)),
    "a stride of one place": lambda: Frames(nn.Conv3d(3, 4, 1, stride=2)),
    "the largest": lambda: Frames(nn.Conv3d(3, 4, 1), nn.MaxPool3d((2, 3, 3), (2, 1, 2), 1)),
    "the largest, dilated": lambda: Frames(
        nn.MaxPool3d((2, 2, 3), (1, 2, 2), (1, 0, 1), (2, 1, 1))
    ),
    "an average": lambda: Frames(nn.AvgPool3d((2, 3, 3), (1, 2, 2), 1)),
    "an average of what there is": lambda: Frames(
        nn.AvgPool3d((3, 3, 2), 2, 1, ceil_mode=True, count_include_pad=False)
    ),
    "over all": lambda: Frames(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2)),
    "the largest of all": lambda: Frames(nn.AdaptiveMaxPool3d(1)),
}


@pytest.mark.parametrize("name", NETS)
def test_three_axes_are_those_of_images(name: str) -> None:
    torch.manual_seed(0)
    net = NETS[name]()
    model = capture(net, torch.zeros(SHAPE), name="net")
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    (found,) = run_hub(model, x.numpy()).values()
    wanted = net.double()(x.double()).detach().numpy()
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 2e-6 * max(1, np.abs(wanted).max())
    windows = [n for n in model.graph if n.op_type in ("Conv", "MaxPool", "AveragePool")]
    assert all(len(shape_of(node.outputs[0])) == 4 for node in windows)
