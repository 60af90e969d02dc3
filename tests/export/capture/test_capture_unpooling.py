"""Max-unpooling puts each value where its maximum stood, the first of equal ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.errors import NetRefused
from edgeconv.export.capture.decompositions.table import Decompositions
from edgeconv.export.capture.hub import capture
from tests.export.tflite import engines
from tests.helpers.hub import capture_and_compare
from tests.helpers.tflite_bytes import tflite_bytes


def given(*shape: int) -> Tensor:
    """Whole numbers, among which many are equal."""
    return torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(0)).float()


@pytest.mark.parametrize("kernel", [1, 2, 3, (2, 3), (1, 2)])
@pytest.mark.parametrize("sides", [(6, 6), (7, 9), (12, 5)])
@pytest.mark.parametrize("as_before", [True, False])
def test_of_windows_side_by_side(kernel: Any, sides: tuple[int, int], as_before: bool) -> None:
    def there_and_back(x: Tensor) -> Tensor:
        y, places = F.max_pool2d(x, kernel, return_indices=True)
        size = x.shape[2:] if as_before else None
        return F.max_unpool2d(y + 0.5, places, kernel, output_size=size)

    x = given(2, 3, *sides)
    try:
        wanted = there_and_back(x)
    except RuntimeError:
        pytest.skip("PyTorch has no place for some of them")
    with Decompositions():
        assert torch.equal(there_and_back(x), wanted)


@pytest.mark.parametrize("length", [8, 9])
def test_of_numbers_in_line(length: int) -> None:
    def there_and_back(x: Tensor) -> Tensor:
        y, places = F.max_pool1d(x, 2, return_indices=True)
        return F.max_unpool1d(y + 0.5, places, 2, output_size=(length,))

    x = given(2, 3, length)
    wanted = there_and_back(x)
    with Decompositions():
        assert torch.equal(there_and_back(x), wanted)


class SegNet(nn.Module):
    """Badrinarayanan et al., https://arxiv.org/abs/1511.00561, two levels of it."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)])
        self.up = nn.ModuleList([nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1)])
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        places, sizes = [], []
        for layer in self.down:
            y = F.relu(layer(x))
            sizes.append(y.shape)
            x, found = self.pool(y)
            places.append(found)
        for layer in self.up:
            x = layer(self.unpool(x, places.pop(), output_size=sizes.pop()))
        return x


def test_a_net_of_both() -> None:
    torch.manual_seed(0)
    net = SegNet().eval()
    model = capture_and_compare(net, (1, 3, 18, 13))
    x = torch.randn(1, 3, 18, 13, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = net(x)
    for make in (engines.xnnpack, engines.reference_kernels):
        got = engines.run(make, tflite_bytes(model), {"input": x.numpy()})["logits"]
        assert torch.allclose(torch.from_numpy(got), wanted, rtol=1e-5, atol=2e-6)


class Overlapping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y, places = F.max_pool2d(x, 3, 2, 1, return_indices=True)
        return F.max_unpool2d(y, places, 3, 2, 1, output_size=x.shape[2:])


def test_windows_that_overlap_are_refused_with_the_line() -> None:
    with pytest.raises(NetRefused, match="windows side by side") as refused:
        capture(Overlapping(), torch.zeros(1, 3, 12, 12), name="net")
    assert re.search(rf"unpools at .*{Path(__file__).name}:\d+", str(refused.value))
