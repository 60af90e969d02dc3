"""What PyTorch's exporter has no operator for is taken apart, or refused as the user wrote it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import NetRefused
from edgeconv.export.capture.hub import capture
from tests.helpers.hub import capture_and_compare

HERE = Path(__file__).name


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, 2, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda y: torch.trapezoid(y, dim=3),
        lambda y: torch.gradient(y, dim=3)[0],
        lambda y: torch.inner(y, y + 1),
        lambda y: torch.linalg.vecdot(y, y.sigmoid()),
        lambda y: torch.linalg.vecdot(y, torch.trapezoid(y, dim=3)[..., None]),
        lambda y: torch.special.entr(y.abs() + 0.1),
        lambda y: torch.cov(y[0, 0])[None],
    ],
)
def test_a_composition_is_captured(function: Callable[[Tensor], Tensor]) -> None:
    capture_and_compare(Apply(function).eval())


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y: torch.lgamma(y.abs() + 1), "torch.lgamma"),
        (lambda y: torch.corrcoef(y[0, 0])[None], "torch.corrcoef"),
        (lambda y: torch.fft.rfft(y).abs(), "torch.fft.rfft"),
        (lambda y: torch.fft.rfft(torch.trapezoid(y, dim=3)).abs(), "torch.fft.rfft"),
    ],
)
def test_what_cannot_be_taken_apart_is_named_with_its_line(
    function: Callable[[Tensor], Tensor], said: str
) -> None:
    with pytest.raises(NetRefused, match=rf"calls {said} at .*{HERE}:\d+, which") as refused:
        capture(Apply(function), torch.zeros(1, 3, 12, 12), name="net")
    assert "aten" not in str(refused.value)
    assert "prims" not in str(refused.value)
