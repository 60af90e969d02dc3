"""A net's forward pass shares no memory with edgeconv, and finds the same state at every run."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import NetRefused
from edgeconv.nets.running import outputs_of, unchanged


class Holder(nn.Module):
    """A net that keeps what a function puts there."""

    def __init__(self, function) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("held", torch.zeros(1, 4, 6, 6))
        self.count = 0
        self.past: list[Tensor] = []
        self.table = torch.ones(3)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def into_the_buffer(net: Holder, x: Tensor) -> Tensor:
    net.held.copy_(net.conv(x))
    return net.held


def into_a_new_buffer(net: Holder, x: Tensor) -> Tensor:
    net.held = net.held + net.conv(x)
    return net.held


def into_its_input(net: Holder, x: Tensor) -> tuple[Tensor, Tensor]:
    return net.conv(x.sub_(0.3).div_(0.5)), x


def into_attributes(net: Holder, x: Tensor) -> Tensor:
    net.count += 1
    net.past.append(x)
    net.table.mul_(2)
    return net.conv(x) * net.table.sum() + net.count + len(net.past)


def into_its_weights(net: Holder, x: Tensor) -> Tensor:
    with torch.no_grad():
        net.conv.weight.mul_(0.5)
        net.conv.bias.data.add_(1)
    return net.conv(x)


def into_a_new_parameter(net: Holder, x: Tensor) -> Tensor:
    net.conv.bias = nn.Parameter(net.conv.bias + 1)
    return net.conv(x)


ALL = [
    into_the_buffer,
    into_a_new_buffer,
    into_its_input,
    into_attributes,
    into_its_weights,
    into_a_new_parameter,
]


@pytest.mark.parametrize("function", ALL)
def test_every_run_gives_the_same_and_leaves_net_and_input_as_they_were(function):
    x, net = torch.rand(1, 3, 8, 8), Holder(function).eval()
    before, state = x.clone(), {name: value.clone() for name, value in net.state_dict().items()}
    first, second = outputs_of(net, x, "net"), outputs_of(net, x, "net")
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert torch.equal(x, before)
    assert net.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert (net.count, net.past, net.table.tolist()) == (0, [], [1, 1, 1])


@pytest.mark.parametrize("function", ALL)
def test_an_output_is_a_copy(function):
    x, net = torch.rand(1, 3, 8, 8), Holder(function).eval()
    first = outputs_of(net, x, "net")
    for tensor in first:
        tensor.fill_(7)
    assert not any(torch.equal(a, b) for a, b in zip(first, outputs_of(net, x, "net"), strict=True))


def test_a_buffer_that_took_part_in_gradients_is_let_go():
    net = Holder(into_the_buffer)
    with unchanged(net):
        net(torch.rand(1, 3, 8, 8)).sum().backward()
    assert not net.held.requires_grad
    assert torch.equal(net.held, torch.zeros(1, 4, 6, 6))


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (nn.Conv2d(1, 4, 3), "takes 1 channels and is given 3"),
        (nn.Conv2d(4, 4, 3), "takes 4 channels and is given 3"),
        (nn.Conv1d(3, 4, 3), "along the two axes of an image"),
        (nn.Conv3d(3, 4, 3), "along the two axes of an image"),
        (nn.Linear(5, 2), "--input-size"),
        (nn.Bilinear(3, 3, 2), "takes 2 inputs (input1, input2)"),
        (nn.ModuleList(), "ModuleList has no forward"),
        (nn.Conv2d(3, 4, 3).half(), "in float32 here"),
        (Holder(lambda net, x: x["image"]), "is given a tensor of shape (1, 3, 8, 8)"),
    ],
)
def test_what_a_net_cannot_take_is_told_with_the_way_out(net, said):
    with pytest.raises(NetRefused, match="net cannot take an input of 1 x 3 x 8 x 8: ") as caught:
        outputs_of(net.eval(), torch.rand(1, 3, 8, 8), "net")
    assert said in str(caught.value)


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Rootless(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        *(KeyError("x"), StopIteration(), SystemExit(3), RecursionError(), EOFError()),
        *(Speechless(), Rootless("no Exception"), GeneratorExit(), OSError(28, "No space left")),
    ],
)
def test_whatever_a_forward_raises_is_a_refusal_with_its_line(error):
    def raises(net: Holder, x: Tensor) -> Tensor:
        raise error

    with pytest.raises(NetRefused, match=r"test_running.py:\d+: raise error"):
        outputs_of(Holder(raises), torch.rand(1, 3, 8, 8), "net")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_what_is_not_the_nets_own_passes(error):
    def raises(net: Holder, x: Tensor) -> Tensor:
        raise error

    with pytest.raises(type(error)):
        outputs_of(Holder(raises), torch.rand(1, 3, 8, 8), "net")
