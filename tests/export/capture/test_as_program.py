"""Where TorchScript's trace ends, torch.export captures, says so, and gives PyTorch's values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import NetRefused, Untraceable
from edgeconv.export.capture.hub import capture
from edgeconv.nets.program_shapes import stated_module
from edgeconv.progress import Silent
from tests.helpers.hub import run_hub

SHAPE = (1, 3, 12, 12)


class Apply(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


class Told(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def centred(rows: Tensor) -> Tensor:
    return torch.relu(rows - rows.mean())


def by_sign(y: Tensor) -> Tensor:
    return torch.cond(y.mean() > 0, lambda t: t + 1, lambda t: 3 * t, (y,))


UNTRACEABLE = {
    "vmap": lambda y: torch.vmap(centred)(y[0])[None],
    "vmap of matrices": lambda y: torch.vmap(torch.matmul)(y, y.transpose(2, 3)),
    "jvp": lambda y: torch.func.jvp(torch.tanh, (y,), (torch.ones_like(y),))[1],
}


def photos() -> list[Tensor]:
    drawn = torch.Generator().manual_seed(0)
    x = torch.rand(SHAPE, generator=drawn) * 4 - 2
    return [x, -x, x + 3, x - 3]


def program_of(net: nn.Module) -> nn.Module:
    """The module of its program, as a user's file holds it."""
    program = torch.export.export(net.eval(), (torch.zeros(SHAPE),), strict=False)
    module = stated_module(program, "net", 1)
    for mode in ("train", "eval"):
        vars(module).pop(mode)
    return module


def require_equal(net: nn.Module, graph) -> None:
    with torch.no_grad():
        for x in photos():
            (found,) = run_hub(graph, x.numpy()).values()
            np.testing.assert_allclose(found, net(x).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_what_no_trace_follows_is_captured_by_torch_export_and_said(name):
    net, told = Apply(UNTRACEABLE[name]).eval(), Told()
    require_equal(net, capture(net, torch.zeros(SHAPE), name="net", progress=told))
    (said,) = told.warnings
    assert "torch.export" in said
    assert f"{Path(__file__).name}:" in said


def test_a_net_that_is_traced_is_not_captured_otherwise():
    told = Told()
    capture(Apply(torch.relu).eval(), torch.zeros(SHAPE), name="net", progress=told)
    assert told.warnings == []


def test_a_program_with_transforms_in_it_is_captured_and_leaves_none_behind():
    net = Apply(UNTRACEABLE["vmap"]).eval()
    require_equal(net, capture(program_of(net), torch.zeros(SHAPE), name="net"))
    torch.rand(1)  # random numbers are refused under vmap


def test_branches_of_cond_are_chosen_by_each_input():
    net = Apply(by_sign).eval()
    graph = capture(net, torch.zeros(SHAPE), name="net")
    for x in photos():
        y = net.conv(x)
        expected = y + 1 if y.mean() > 0 else 3 * y
        (found,) = run_hub(graph, x.numpy()).values()
        np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_branches_of_a_programs_cond_are_chosen_by_each_input():
    module = program_of(Apply(by_sign))
    assert any(str(node.target) == "cond" for node in module.graph.nodes)
    require_equal(module, capture(module, torch.zeros(SHAPE), name="net"))


def test_what_neither_way_takes_names_the_users_line():
    def nested(y: Tensor) -> Tensor:
        return torch.func.grad(lambda t: (t**3).sum())(y)

    with pytest.raises(Untraceable, match=rf"{Path(__file__).name}:\d+") as caught:
        capture(Apply(nested).eval(), torch.zeros(SHAPE), name="net")
    assert "aten" not in str(caught.value)


def test_a_programs_numbers_that_depend_on_the_input_are_refused():
    module = program_of(Apply(lambda y: y * y.mean().item()))
    with pytest.raises(NetRefused, match="a Python number"):
        capture(module, torch.zeros(SHAPE), name="net")
