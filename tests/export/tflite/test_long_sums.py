"""Long float sums lose next to nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.capture.hub import capture
from edgeconv.files.read import read_operations
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.runtime.open import open_session


class Reduced(nn.Module):
    """A reduction of an image."""

    def __init__(self, name: str, axes: tuple[int, ...], keepdim: bool) -> None:
        super().__init__()
        self.by = getattr(torch, name)
        self.axes, self.keepdim = axes, keepdim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.by(x, self.axes, keepdim=self.keepdim)


def kinds(path: Path) -> list[str]:
    return [operation.type for operation in read_operations(path).operations]


def relative_error(net: nn.Module, x: torch.Tensor, path: Path) -> float:
    """Of XNNPACK's result, from PyTorch's in float64."""
    found = open_session(path).run([x.numpy().transpose(0, 2, 3, 1).copy()])[0]
    with torch.no_grad():
        exact = net.double()(x.double()).numpy()
    if exact.ndim == 4:
        found = found.transpose(0, 3, 1, 2)
    assert found.shape == exact.shape
    return float(np.abs(found - exact).max() / np.abs(exact).max())


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("axes", [(2, 3), (1, 3), (0, 1, 2, 3), (1, 2)])
@pytest.mark.parametrize("name", ["mean", "sum"])
def test_a_sum_is_taken_axis_by_axis(name, axes, keepdim, tmp_path: Path) -> None:
    x = torch.rand(1, 3, 256, 192, generator=torch.Generator().manual_seed(0))
    net = Reduced(name, axes, keepdim)
    path = tmp_path / "float.tflite"
    tflite.write(capture(net, x, name="net"), path)
    long = x.numel() // max(net(x).numel(), 1)
    steps = sum(x.shape[axis] > 1 for axis in axes) if long > 1000 else 1
    assert kinds(path) == [name.upper()] * steps
    assert relative_error(net, x, path) < 1e-6


def test_a_global_norm_of_a_large_map_is_within_every_bound(tmp_path: Path) -> None:
    x = 3 + torch.rand(1, 4, 200, 200, generator=torch.Generator().manual_seed(0))
    net = nn.GroupNorm(2, 4).eval()
    path = tmp_path / "float.tflite"
    tflite.write(capture(net, x, name="net"), path)
    assert kinds(path).count("MEAN") == 6
    assert relative_error(net, x, path) < 1e-5


class Flat(nn.Module):
    """A LayerNorm over all places of an image."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(places)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.flatten(2)[:, :, : self.norm.normalized_shape[0]])


@pytest.mark.parametrize(("places", "means"), [(128 * 128, 4), (16381, 2)])
def test_a_long_axis_is_taken_in_two_unless_its_length_is_prime(places, means, tmp_path) -> None:
    x = torch.rand(1, 4, 128, 128, generator=torch.Generator().manual_seed(0)) ** 8
    net = Flat(places).eval()
    path = tmp_path / "float.tflite"
    tflite.write(capture(net, x, name="net"), path)
    assert kinds(path).count("MEAN") == means
    assert relative_error(net, x, path) < (1e-6 if means == 4 else 1e-4)


def test_short_sums_and_sums_of_integers_are_single_operators(tmp_path: Path) -> None:
    x = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    net = Reduced("mean", (2, 3), False)
    tflite.write(capture(net, x, name="net"), tmp_path / "float.tflite")
    assert kinds(tmp_path / "float.tflite") == ["MEAN"]
    large = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    planned = quantize(capture(net, large, name="net"), lambda: [large.numpy()])
    tflite.write(planned.model, tmp_path / "int8.tflite", "int8", planned.plan)
    assert kinds(tmp_path / "int8.tflite").count("MEAN") == 1
