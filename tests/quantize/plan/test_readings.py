"""What reads a tensor decides how errors of its range count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.ranges import CLAMPED_CLIPPING, LEVELS, PLAIN, Reading, least_squares
from edgeconv.quantize.plan.readings import readings
from tests.quantize.nets import hub
from tests.quantize.plan.test_ranges import statistics

SHAPE = (1, 3, 8, 8)


class Between(nn.Module):
    """Two layers with a function between them."""

    def __init__(self, between: nn.Module, last: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.between = nn.Conv2d(3, 4, 1), between
        self.second, self.last = nn.Conv2d(4, 4, 1), last or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.second(self.between(self.first(x))))
        return y.mean((2, 3))


class Gated(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.hardsigmoid(x) * x


class WithResidual(nn.Module):
    """What the swish reads is read by a sum too."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(x) + x


def read_of(module: nn.Module, producer: str = "first") -> Reading:
    """How the tensor is read that a layer writes."""
    model = hub(module, SHAPE)
    wanted = targets(model)
    (name,) = (t.name for t in wanted if t.producer is not None and t.producer.name == producer)
    return readings(model, wanted).get(name, PLAIN)


@pytest.mark.parametrize(
    "swish", [nn.SiLU(), nn.Hardswish(), nn.GELU(), Gated()], ids=lambda s: type(s).__name__
)
def test_errors_count_behind_a_swish(swish: nn.Module) -> None:
    read = read_of(Between(swish))
    values = np.linspace(-12, 12, 501)
    assert read.curve is not None
    wanted = swish(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(read.curve(values), wanted, atol=2e-6)
    assert read.clipping == 1.0


@pytest.mark.parametrize(
    "other",
    [WithResidual(), nn.Sigmoid(), nn.ReLU(), nn.Identity()],
    ids=lambda s: type(s).__name__,
)
def test_errors_count_as_they_are_before_others(other: nn.Module) -> None:
    assert read_of(Between(other)) == PLAIN


def test_what_is_clipped_counts_less_before_a_clamp() -> None:
    clamped = Between(nn.MaxPool2d(2), nn.ReLU6())
    assert read_of(clamped).clipping == CLAMPED_CLIPPING
    assert read_of(Between(nn.MaxPool2d(2), nn.ReLU())).clipping == 1.0


def error_behind(values: NDArray[np.float64], interval: tuple[float, float]) -> float:
    low, high = interval
    step = (high - low) / LEVELS
    kept = np.clip(np.rint(values / step), np.rint(low / step), np.rint(high / step)) * step
    exact, rounded = (functional.silu(torch.from_numpy(v)).numpy() for v in (values, kept))
    return float(((exact - rounded) ** 2).sum())


@pytest.mark.parametrize("center", [0.0, -2.0, 1.0])
def test_a_range_before_a_swish_is_close_to_the_best_by_trial(center: float) -> None:
    values = center + np.random.default_rng(0).standard_t(4, size=60_000)
    counted = statistics(values).histogram
    curve = read_of(Between(nn.SiLU())).curve
    found = least_squares(counted, LEVELS, curve=curve)
    trials = [
        error_behind(values, (low, high))
        for low in np.linspace(values.min(), -0.5, 16)
        for high in np.linspace(values.max() / 12, values.max(), 24)
    ]
    assert error_behind(values, found) <= 1.05 * min(trials)
    assert error_behind(values, found) < 0.8 * error_behind(values, least_squares(counted, LEVELS))


class Chain(nn.Module):
    """A thousand functions between two layers, the second with a clamp."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        for number in range(500):
            y = torch.maximum(y, y * (-0.5 - number / 1000))
        return functional.relu6(self.last(y)).mean((2, 3))


def test_a_long_chain_is_followed() -> None:
    assert read_of(Chain()).clipping == CLAMPED_CLIPPING
