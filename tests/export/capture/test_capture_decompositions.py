"""What is traced in place of a PyTorch function has that function's values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.decompositions.table import Decompositions
from tests.helpers.hub import capture_and_compare, operators

SIZES = [(3, 3), (7, 5), (1, 5), (5, 1), (4, 6), (20, 17), (None, 3), 5]


def image(channels: int = 12) -> Tensor:
    return torch.randn(2, channels, 8, 12, generator=torch.Generator().manual_seed(0))


def assert_same(function, x: Tensor) -> None:
    expected = function(x)
    with Decompositions():
        got = function(x)
    assert got.shape == expected.shape
    assert torch.allclose(got, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
def test_adaptive_pooling(pool: type[nn.Module], size: object) -> None:
    assert_same(pool(size), image())


@pytest.mark.parametrize(
    "size",
    [*({"size": size} for size in [(3, 3), (7, 5), (16, 6), 5]),
     *({"scale_factor": factor} for factor in [0.5, 0.3, (0.25, 0.7), 2, 1.7])],
)  # fmt: skip
def test_areas(size: dict[str, object]) -> None:
    assert_same(lambda x: nn.functional.interpolate(x, mode="area", **size), image())
    assert_same(nn.Upsample(mode="area", **size), image())


@pytest.mark.parametrize("groups", [1, 2, 3, 12])
def test_shuffled_channels(groups: int) -> None:
    assert_same(nn.ChannelShuffle(groups), image())


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("groups", [1, 3, 12])
@pytest.mark.parametrize("shape", [(2, 12, 4, 5), (2, 12, 7), (2, 24)])
def test_normalized_groups(shape: tuple[int, ...], groups: int, affine: bool) -> None:
    norm = nn.GroupNorm(groups, shape[1], affine=affine)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    assert_same(norm, torch.randn(shape, generator=torch.Generator().manual_seed(1)))


def test_an_uneven_pool_is_exported() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d((5, 7)))
    assert "Concat" in operators(capture_and_compare(net))


def test_areas_are_exported() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Upsample(size=(4, 5), mode="area"))
    capture_and_compare(net)
    half = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Upsample(scale_factor=0.5, mode="area"))
    assert operators(capture_and_compare(half)) == ["Conv", "AveragePool"]


def test_an_even_pool_stays_one_operator() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(6))
    assert operators(capture_and_compare(net)) == ["Conv", "AveragePool"]


def test_local_response_normalization_is_one_operator() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.LocalResponseNorm(5, alpha=0.3, beta=0.6, k=1.5))
    assert operators(capture_and_compare(net)) == ["Conv", "LRN"]


def test_an_even_window_of_channels_keeps_pytorchs_form() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.LocalResponseNorm(4, alpha=0.3))
    assert "LRN" not in operators(capture_and_compare(net))


def test_normalized_groups_keep_height_and_width_apart() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 1))
    model = capture_and_compare(net)
    norm = next(node for node in model.graph if node.op_type == "InstanceNormalization")
    assert len(norm.inputs[0].shape) == 5
