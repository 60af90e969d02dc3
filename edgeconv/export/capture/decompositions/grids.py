"""Grids of places at which `grid_sample` reads, in operators that ONNX has."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.untraced import untraced


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """`torch.nn.functional.affine_grid`: what the identity gives, times theta, plus its offset."""
    sides = [int(side) for side in size]  # in a trace they are tensors
    if len(sides) != 4:
        return functional.affine_grid(theta, sides, align_corners)
    with untraced():
        identity = torch.eye(2, 3).unsqueeze(0)
        places = functional.affine_grid(identity, [1, *sides[1:]], align_corners).to(theta.dtype)
        across, down = places[..., :1], places[..., 1:]
    x, y, offset = theta.transpose(1, 2).reshape(-1, 3, 1, 1, 2).unbind(1)
    grid: Tensor = across * x + down * y + offset
    return grid
