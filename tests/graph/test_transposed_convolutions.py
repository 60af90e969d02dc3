"""Transposed convolutions of every form, in one dimension and in two, are ordinary operators."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from tests.export.tflite import engines
from tests.helpers.hub import capture_and_compare, operators, unsettle
from tests.helpers.tflite_bytes import tflite_bytes


class Lines(nn.Module):
    """A layer of numbers in line, of an image's rows."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.first(x).mean(2))


def transposed(rng: random.Random) -> nn.Module:
    """Any that PyTorch takes: output padding is smaller than stride or dilation."""
    rank = rng.choice([1, 2, 2])

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.randint(low, high) for _ in range(rank))

    kernel, stride, dilation = each(1, 4), each(1, 4), each(1, 3)
    more = [rng.randrange(max(s, d)) for s, d in zip(stride, dilation, strict=True)]
    padding = [
        rng.randint(0, (k - 1) * d) for k, d in zip(kernel, dilation, strict=True)
    ]  # never below one pixel, for images of eight
    groups = rng.choice([1, 2, 4, 8])
    layer = (nn.ConvTranspose1d, nn.ConvTranspose2d)[rank - 1](
        8, groups * rng.randint(1, 3), kernel, stride, tuple(padding), tuple(more), groups,
        rng.random() < 0.5, dilation,
    )  # fmt: skip
    return Lines(layer) if rank == 1 else nn.Sequential(nn.Conv2d(3, 8, 1), layer)


@pytest.mark.parametrize("seed", range(24))
def test_any_form_gives_pytorchs_values_in_both_formats(seed: int) -> None:
    torch.manual_seed(seed)
    net = transposed(random.Random(seed)).eval()
    model = capture_and_compare(net, (1, 3, 8, 9), bound=3e-6)
    x = torch.randn(1, 3, 8, 9, generator=torch.Generator().manual_seed(seed))
    given = engines.run(engines.xnnpack, tflite_bytes(model), {"input": x.numpy()})["logits"]
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(given), net(x), rtol=1e-5, atol=3e-6)


def test_what_phones_have_an_operator_for_stays_one() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ConvTranspose2d(8, 4, 3, 2, 1, 1))
    assert operators(capture_and_compare(net)) == ["Conv", "ConvTranspose"]


def test_without_a_stride_it_is_one_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ConvTranspose2d(8, 8, 3, 1, 2, groups=8, dilation=2))
    assert operators(capture_and_compare(net)) == ["Conv", "Conv"]


def test_depthwise_doubling_is_a_convolution_and_a_shuffle() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ConvTranspose2d(8, 8, 2, 2, groups=8))
    assert operators(capture_and_compare(net)) == [
        "Conv",
        "Conv",
        "Reshape",
        "Transpose",
        "Reshape",
    ]


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_batch_normalization_is_folded_into_it(groups: int) -> None:
    layer = nn.ConvTranspose2d(8, 8, 3, 2, 1, 1, groups=groups, bias=False)
    net = unsettle(nn.Sequential(nn.Conv2d(3, 8, 1), layer, nn.BatchNorm2d(8)))
    found = operators(capture_and_compare(net, bound=4e-6))
    assert sum(name in ("Conv", "ConvTranspose") for name in found) == 2


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool1d(3, 2, 1),
        nn.MaxPool1d(3, 2, 1, ceil_mode=True),
        nn.AvgPool1d(4, 2, 1),
        nn.AvgPool1d(4, 2, 1, count_include_pad=False),
        nn.AvgPool1d(5, 3, ceil_mode=True),
        nn.AdaptiveAvgPool1d(5),
        nn.AdaptiveMaxPool1d(4),
    ],
    ids=repr,
)
def test_pools_of_numbers_in_line_are_pools_of_images(pool: nn.Module) -> None:
    net = Lines(pool).eval()
    model = capture_and_compare(net)
    x = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(3))
    given = engines.run(engines.xnnpack, tflite_bytes(model), {"input": x.numpy()})["logits"]
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(given), net(x), rtol=1e-5, atol=2e-6)
