"""Whatever `interpolate` does, the graph resizes as PyTorch does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.export.capture.decompositions.table import Decompositions
from tests.helpers.hub import capture_and_compare, operators

PLAIN, ALIGNED = (None,), (None, False, True)
MODES = {
    3: {"nearest": PLAIN, "nearest-exact": PLAIN, "linear": ALIGNED, "area": PLAIN},
    4: {"nearest": PLAIN, "nearest-exact": PLAIN, "bilinear": ALIGNED, "bicubic": ALIGNED,
        "area": PLAIN},
    5: {"nearest": PLAIN, "nearest-exact": PLAIN, "trilinear": ALIGNED},
}  # fmt: skip
TARGETS: list[dict[str, Any]] = [
    *({"size": size} for size in (1, 4, 13)),
    *({"scale_factor": factor} for factor in (0.7, 1.0, 1.3, 2, 2.5)),
    *({"scale_factor": factor, "recompute_scale_factor": True} for factor in (0.7, 1.3)),
]
SHAPES = [(2, 3, 9), (1, 3, 1), (2, 3, 9, 12), (1, 2, 5, 5), (1, 2, 1, 6), (1, 2, 4, 5, 6)]


def given(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def options(rank: int) -> Iterator[dict[str, Any]]:
    for mode, corners in MODES[rank].items():
        for align_corners in corners:
            for target in TARGETS:
                yield {"mode": mode, "align_corners": align_corners, **target}
                if mode in ("bilinear", "bicubic"):
                    yield {
                        "mode": mode, "align_corners": align_corners, **target, "antialias": True
                    }  # fmt: skip


def resized(x: Tensor, asked: dict[str, Any]) -> Tensor | None:
    """What PyTorch gives; None for what it refuses, or for nothing at all."""
    try:
        result = F.interpolate(x, **asked)
    except (RuntimeError, ValueError):
        return None
    return result if result.numel() else None


@pytest.mark.parametrize("shape", SHAPES)
def test_every_mode_and_factor(shape: tuple[int, ...]) -> None:
    x = given(shape)
    for asked in options(len(shape)):
        wanted = resized(x, asked)
        if wanted is None:
            continue
        with Decompositions():
            got = F.interpolate(x, **asked)
        assert got.shape == wanted.shape, asked
        assert torch.allclose(got, wanted, rtol=1e-5, atol=2e-6), asked


class Resized(nn.Module):
    def __init__(self, **asked: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.asked = asked

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.conv(x), **self.asked)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"mode": "bilinear", "scale_factor": 2}, {"Resize"}),
        ({"mode": "bilinear", "scale_factor": 1.7, "align_corners": True}, {"Resize"}),
        ({"mode": "nearest-exact", "scale_factor": 2}, {"Resize"}),
        ({"mode": "area", "scale_factor": 2}, {"Resize"}),
        ({"mode": "area", "size": (6, 4)}, {"AveragePool"}),
        ({"mode": "nearest-exact", "size": (7, 12)}, {"Gather"}),
        ({"mode": "bicubic", "size": (12, 20)}, {"Gemm", "Reshape"}),
        ({"mode": "bilinear", "scale_factor": 1.7}, {"Gemm", "Reshape", "Transpose"}),
        ({"mode": "bicubic", "size": 5, "antialias": True}, {"Gemm", "Reshape", "Transpose"}),
    ],
)
def test_what_has_an_operator_stays_one(asked: dict[str, Any], wanted: set[str]) -> None:
    assert set(operators(capture_and_compare(Resized(**asked)))) == {"Conv", *wanted}


def test_the_nearest_pixel_is_the_same_on_every_engine() -> None:
    """Of these sizes 25 * (18 / 25) and its like are whole numbers but for rounding."""
    for rows, columns in ((12, 25), (25, 20), (49, 41), (3, 33)):
        capture_and_compare(Resized(mode="nearest", size=(rows, columns)), (1, 3, 24, 18))


@pytest.mark.parametrize(
    "module",
    [
        nn.Upsample(scale_factor=2, mode="bicubic"),
        nn.Upsample(size=(20, 5), mode="nearest-exact"),
        nn.UpsamplingBilinear2d(size=(20, 5)),
        nn.UpsamplingNearest2d(scale_factor=3),
    ],
)
def test_modules(module: nn.Module) -> None:
    capture_and_compare(nn.Sequential(nn.Conv2d(3, 4, 1), module))


def test_lines_of_numbers() -> None:
    class Lines(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.interpolate(x.mean(2), size=35, mode="linear", align_corners=True)

    assert "Resize" in operators(capture_and_compare(Lines()))
