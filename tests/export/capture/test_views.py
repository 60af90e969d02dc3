"""Writes into a view change the tensor that is viewed, and its other views, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.errors import NetRefused
from edgeconv.export.capture.hub import capture
from tests.helpers.hub import Over, capture_and_compare, run_hub


def held_slice(y: Tensor) -> Tensor:
    w = y[:, :4]
    w.add_(1)
    return y * 2 + w.sum()


def chunks(y: Tensor) -> Tensor:
    a, b = y.chunk(2, 1)
    a.mul_(2)
    b.sub_(a)
    return torch.cat([y, a - b], 1)


def reshaped(y: Tensor) -> Tensor:
    v = y.view(1, 2, 4, -1)
    v[:, 1].relu_()
    v[:, :, 2:, ::3] *= 3
    return y


def last_axis(y: Tensor) -> Tensor:
    y[..., 0].sigmoid_()
    y[..., 1:3].exp_().add_(0.5)
    return y


def transposed(y: Tensor) -> Tensor:
    t = y.permute(0, 2, 3, 1)
    t[..., :2] = t[..., 2:4] * 0.5
    t[0, 1].neg_()
    return y - t.permute(0, 3, 1, 2).flip(1)


def of_a_view_of_a_view(y: Tensor) -> Tensor:
    outer = y[:, 1:7]
    inner, beside = outer[:, 2:4, ::2], outer[:, 3:]
    whole = inner.flatten(2)
    inner.clamp_(min=0.25)
    return torch.cat([y.flatten(2), outer.flatten(2), beside.flatten(2)], 1) * whole.mean()


def base_written(y: Tensor) -> Tensor:
    w = y[:, :3]
    y.mul_(0.5)
    functional.relu(y, inplace=True)
    return w * 2


def split_and_unbound(y: Tensor) -> Tensor:
    first, _, third = y.split([2, 3, 3], 1)
    rows = third.unbind(2)
    rows[1].fill_(0.75)
    first += 1
    for column in y[0, 5].unbind(1):
        column.mul_(1.5)
    return y + rows[0].sum()


def diagonals(y: Tensor) -> Tensor:
    y.diagonal(0, 2, 3).mul_(3)
    torch.diagonal(y, 1, 2, 3).add_(y[0, 0, 0, 0])
    return y


def expanded(y: Tensor) -> Tensor:
    wide = y[:, :1].expand(-1, 4, -1, -1)
    y[:, 0] += 1
    return wide * y[:, 4:]


def without_history(y: Tensor) -> Tensor:
    y.detach().add_(1)
    y.data.mul_(2)
    return y


def given_out(y: Tensor) -> Tensor:
    torch.mul(y[:, 2:], 2.0, out=y[:, 2:])
    torch.add(y[:, 0], y[:, 1], out=y[:, 1])
    return y


def modules(y: Tensor) -> Tensor:
    a, b = y[:, :4], y[:, 4:]
    nn.LeakyReLU(0.2, inplace=True)(a)
    nn.Hardswish(inplace=True)(b)
    return y


def by_itself(y: Tensor) -> Tensor:
    y[:, :4].add_(y[:, :4])
    y[:, :4].mul_(y[:, 4:])
    return y


def into_what_was_made(y: Tensor) -> Tensor:
    grid = torch.zeros(1, 4, 6, 6)
    top, kept = grid[:, :2], grid[:, 2]
    top.add_(y[:, :2])
    kept += 1
    return grid * y[:, 4:]


def into_a_constant(y: Tensor) -> Tensor:
    grid = torch.zeros(1, 8, 6, 6)
    row = grid[:, :, 1]
    before = y + grid
    row.fill_(2.0)
    between = before * grid
    grid.add_(1)
    return between + row.sum() - grid


def into_the_copy_alone(y: Tensor) -> Tensor:
    w = y[:, :4].clone()
    w.add_(1)
    return torch.cat([y, w], 1)


def flat_places(y: Tensor) -> Tensor:
    y.view(-1)[7:41].mul_(2)
    y.view(8, -1)[:, 5:9].sub_(0.5)
    return y


def masked(y: Tensor) -> Tensor:
    part = y[:, 2:5]
    part.masked_fill_(part > 0.2, 0.0)
    part[part < -0.2] = 1.0
    return y


def scattered(y: Tensor) -> Tensor:
    rows = y[:, :, 1:3]
    rows.index_fill_(3, torch.tensor([0, 4]), 2.0)
    rows[:, [0, 3]] = rows[:, [1, 2]]
    return y


def decoded(y: Tensor) -> Tensor:
    """As detectors' heads do."""
    boxes, scores = y.view(1, 8, -1).transpose(1, 2).split((4, 4), -1)
    boxes[..., :2].sigmoid_().mul_(2).sub_(0.5)
    boxes[..., 2:] = boxes[..., 2:].exp() * 4
    scores.sigmoid_()
    boxes.mul_(scores[..., :1])
    return y


def untouched_shape(y: Tensor) -> Tensor:
    w = y[:, :1]
    w.squeeze_(1)
    return y * w.unsqueeze(1)


THEN = (
    *(held_slice, chunks, reshaped, last_axis, transposed, of_a_view_of_a_view, base_written),
    *(split_and_unbound, diagonals, expanded, without_history, given_out, modules, by_itself),
    *(
        into_a_constant,
        into_what_was_made,
        into_the_copy_alone,
        flat_places,
        masked,
        scattered,
        decoded,
    ),
    untouched_shape,
)


@pytest.mark.parametrize("then", THEN, ids=lambda then: then.__name__)
def test_a_write_into_a_view_is_one_into_the_tensor(then: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    capture_and_compare(Over(then))


def test_the_image_itself_may_be_written_into_through_a_view() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            red = x[:, 0]
            red.mul_(0.5).sub_(1)
            y: Tensor = self.conv(x)
            return y

    net, x = Shifted().eval(), torch.rand(1, 3, 12, 12) - 0.5
    model = capture(net, torch.zeros(1, 3, 12, 12), name="net")
    with torch.no_grad():
        wanted = net(x.clone()).numpy()
    assert np.abs(run_hub(model, x.numpy())["logits"] - wanted).max() < 1e-5


def test_a_part_that_was_turned_in_place_is_refused_with_its_lines() -> None:
    def turned(y: Tensor) -> Tensor:
        w = y[:, :1]
        w.squeeze_(1)
        w.add_(1)
        return y

    with pytest.raises(NetRefused, match=r"views\.py:\d+, of which .* at .*views\.py:\d+;"):
        capture(Over(turned).eval(), torch.zeros(1, 3, 12, 12), name="net")


def test_a_captured_net_keeps_nothing_of_it() -> None:
    class Held(Over):
        def __init__(self) -> None:
            super().__init__(lambda y: y)
            self.shift = nn.Buffer(torch.ones(8, 1))

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.conv(x)
            y[:, :4].mul_(self.shift.view(1, 8, 1, 1)[:, :4])
            weight = self.conv.weight.contiguous()  # the parameter itself
            return y + weight.flatten()[:8].reshape(1, 8, 1, 1)

    net = Held()
    capture_and_compare(net)
    held = net.state_dict(keep_vars=True).values()
    assert not [n for tensor in held for n in vars(tensor) if n.startswith("_edgeconv")]
