"""Pooling to one pixel and flattening it is one operator in TFLite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.capture.hub import capture
from edgeconv.files.read import read_operations
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.runtime.open import open_session


class Two(nn.Module):
    """Reads the pooled features twice: flat, and as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        pooled = self.conv(x).mean((2, 3), keepdim=True)
        return {"flat": pooled.flatten(1), "pooled": pooled.relu()}


def kinds(path: Path) -> list[str]:
    return [operation.type for operation in read_operations(path).operations]


def test_a_flattened_mean_is_one_operator(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    ).eval()
    x = torch.randn(1, 3, 8, 8)
    hub = capture(net, x, name="net")
    path = tmp_path / "float.tflite"
    tflite.write(hub, path)
    assert kinds(path) == ["CONV_2D", "MEAN", "FULLY_CONNECTED"]
    result = open_session(path).run([x.numpy().transpose(0, 2, 3, 1).copy()])[0]
    with torch.no_grad():
        np.testing.assert_allclose(result, net(x).numpy(), rtol=1e-5, atol=1e-6)
    planned = quantize(hub, lambda: [x.numpy()])
    tflite.write(planned.model, tmp_path / "int8.tflite", "int8", planned.plan)
    assert kinds(tmp_path / "int8.tflite") == ["CONV_2D", "MEAN", "FULLY_CONNECTED"]


def test_a_mean_that_is_read_twice_keeps_its_shape(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Two().eval()
    x = torch.randn(1, 3, 8, 8)
    path = tmp_path / "float.tflite"
    tflite.write(capture(net, x, name="net"), path)
    assert "RESHAPE" in kinds(path)
    session = open_session(path)
    results = session.run([x.numpy().transpose(0, 2, 3, 1).copy()])
    with torch.no_grad():
        expected = net(x)
    for spec, result in zip(session.outputs, results, strict=True):
        wanted = expected[spec.name].numpy()
        np.testing.assert_allclose(result.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-6)
