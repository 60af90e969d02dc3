"""Outputs between -1 and 1 are held to the last places of one, all others to their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.verify.parity.unit_outputs import ERROR, allowed_errors
from tests.helpers.hub import Over


def allowed(then: Callable[[Tensor], Tensor], directory: Path) -> dict[str, float]:
    path = directory / "net.onnx"
    ir.save(capture(Over(then, nn.Conv2d(3, 4, 1)), torch.zeros(1, 3, 8, 8), name="net"), path)
    return allowed_errors([path], {"logits": np.array([[0.01, -0.02]], np.float32)})


@pytest.mark.parametrize(
    "then",
    [
        torch.sigmoid,
        lambda x: x.softmax(1),
        lambda x: torch.sigmoid(x).flatten(2).transpose(1, 2),
        lambda x: torch.cat([torch.sigmoid(x).flatten(2), torch.tanh(x * 2).flatten(2)], 2),
    ],
)
def test_what_sigmoids_and_the_like_give_may_be_off_by_a_part_of_one(
    then: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    assert allowed(then, tmp_path) == {"logits": pytest.approx(ERROR / 0.02)}


@pytest.mark.parametrize(
    "then",
    [
        lambda x: x,
        lambda x: torch.sigmoid(x) * x,
        lambda x: torch.cat([torch.sigmoid(x), x], 1),
    ],
)
def test_anything_else_may_not(then: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    assert allowed(then, tmp_path) == {}
