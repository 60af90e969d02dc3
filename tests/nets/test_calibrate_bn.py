"""BatchNorm statistics of an untrained net are the plain means over its photos."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgeconv.errors import UsageError
from edgeconv.nets.calibrate_bn import has_initial_batchnorm, set_batchnorm_statistics
from edgeconv.nets.load import load_net


def batches(count: int = 4, size: int = 2, side: int = 64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(size, 3, side, side, generator=generator) for _ in range(count)]


def test_one_layers_statistics_are_the_mean_of_the_batches_own() -> None:
    layer = nn.BatchNorm2d(3)
    photos = batches()
    assert set_batchnorm_statistics(layer, photos) == 1
    means = torch.stack([photo.mean((0, 2, 3)) for photo in photos])
    variances = torch.stack([photo.var((0, 2, 3)) for photo in photos])
    assert torch.allclose(layer.running_mean, means.mean(0), atol=1e-6)
    assert torch.allclose(layer.running_var, variances.mean(0), atol=1e-6)


def test_a_layer_behind_another_sees_normalized_activations() -> None:
    scale = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.constant_(scale.weight, 100.0)
    net = nn.Sequential(scale, nn.BatchNorm2d(3), nn.BatchNorm2d(3))
    set_batchnorm_statistics(net, batches())
    assert net[1].running_var.min() > 1000
    assert torch.allclose(net[2].running_var, torch.ones(3), atol=1e-3)


def test_modes_and_momenta_are_as_before_and_values_are_untouched() -> None:
    net = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3, momentum=0.3)).eval()
    weight = net[1].weight.detach().clone()
    set_batchnorm_statistics(net, batches())
    assert not net[0].training
    assert not net[1].training
    assert net[1].momentum == 0.3
    assert torch.equal(net[1].weight, weight)
    assert net[1].num_batches_tracked == 4


def test_a_second_run_gives_the_same_statistics() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    states = []
    for _ in range(2):
        set_batchnorm_statistics(net, batches())
        states.append(net[1].running_var.clone())
    assert torch.equal(*states)


def test_an_untrained_deep_net_then_has_activations_in_range() -> None:
    layers: list[nn.Module] = []
    for channels in (3, *[8] * 11):
        layers += [nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
        nn.init.constant_(layers[-3].weight, 0.1)
    net = nn.Sequential(*layers).eval()
    photos = batches(count=2, size=4)
    before = net(photos[0]).abs().max()
    set_batchnorm_statistics(net, photos)
    with torch.inference_mode():
        after = net(photos[0]).abs().max()
    assert after < 100 < before


def test_a_net_without_batchnorm_reads_no_photos() -> None:
    net = load_net("squeezenet1_1", weights="random").module
    assert set_batchnorm_statistics(net, (1 / 0 for _ in range(1))) == 0  # type: ignore[misc]


def test_no_photos_and_too_small_batches_are_told() -> None:
    with pytest.raises(UsageError, match="no photos"):
        set_batchnorm_statistics(nn.BatchNorm2d(3), [])
    with pytest.raises(UsageError, match="give larger batches"):
        set_batchnorm_statistics(nn.BatchNorm2d(3), [torch.zeros(1, 3, 1, 1)])


def test_new_batchnorms_are_told_from_set_and_from_folded_ones() -> None:
    net = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3))
    assert has_initial_batchnorm(net)
    net[1].bias.data += 1  # folded: identity statistics, the shift in the bias
    assert not has_initial_batchnorm(net)
    assert not has_initial_batchnorm(nn.Conv2d(3, 3, 1))
