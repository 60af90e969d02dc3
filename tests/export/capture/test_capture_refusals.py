"""Nets that cannot become a static graph are refused with the reason and the place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import NetRefused
from edgeconv.export.capture import hub as capture_module
from edgeconv.export.capture.hub import capture

X = torch.zeros(1, 3, 12, 12)
PLACES = (torch.arange(100) % 5).expand(1, 4, 100)


class Apply(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self.conv(x))


def branch(y: Tensor) -> Tensor:
    if y.mean() > 0:  # the line the refusal must name
        return y
    return -y


def refusal(function) -> str:
    with pytest.raises(NetRefused) as caught:
        capture(Apply(function), X, name="net")
    return str(caught.value)


def test_deciding_by_the_inputs_values_names_file_and_line():
    lines = Path(__file__).read_text().splitlines()
    number = 1 + next(i for i, line in enumerate(lines) if "refusal must name" in line)
    assert f"{Path(__file__).name}:{number};" in refusal(branch)


@pytest.mark.parametrize(
    "function",
    [
        lambda y: torch.cat([part.relu() for part in y.split([0, y.shape[1]], 1)], 1),
        lambda y: y + y[:, :, :0].sum(),
    ],
)
def test_a_tensor_without_a_value_is_refused(function):
    assert "holds no value" in refusal(function)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y: y * y.max().item(), "a Python number"),
        (lambda y: y * float(y.sum()), "a Python float"),
        (lambda y: y[:, : int(y.sum())], "a Python integer"),
        (lambda y: torch.tensor(y.tolist()), "a Python list"),
        (lambda y: torch.from_numpy(y.numpy() * 2), "a NumPy array"),
    ],
)
def test_taking_values_out_of_the_graph_is_refused(function, said):
    assert said in refusal(function)


def test_an_operator_onnx_lacks_is_named(capfd):
    said = refusal(lambda y: torch.fft.fft2(y).abs())
    assert "calls torch.fft.fft2 at" in said
    assert re.search(rf"{Path(__file__).name}:\d+, which ONNX .* has no operator for", said)
    assert capfd.readouterr().out == ""  # the exporter's dump of the graph stays out of stdout


def test_a_form_onnx_lacks_is_told_without_boilerplate():
    message = refusal(lambda y: nn.functional.adaptive_avg_pool3d(y[:, :, None], (1, 3, 3)))
    assert "adaptive_avg_pool3d" in message
    assert message.endswith("output size that are not factor of input size")
    assert re.search(rf"{Path(__file__).name}:\d+ in a form that ONNX", message)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y: torch.linalg.svdvals(y), "torch.linalg.svdvals"),
        (lambda y: torch.view_as_real(torch.complex(y, y)), "torch.complex"),
    ],
)
def test_a_function_onnx_lacks_is_named_as_a_user_writes_it(function, said):
    message = refusal(function)
    assert f"calls {said} at " in message
    assert re.search(rf"{Path(__file__).name}:\d+", message)
    assert "aten" not in message
    assert "exporting with this" not in message


def test_a_shape_that_depends_on_values_names_its_line():
    assert re.search(
        rf"NonZero /NonZero at .*{Path(__file__).name}:\d+", refusal(lambda y: y.nonzero() * 1.0)
    )


@torch.library.custom_op("edgeconv_tests::twice", mutates_args=())
def twice(y: Tensor) -> Tensor:
    return y * 2


@pytest.mark.parametrize(
    "function",
    [
        twice,  # an operator of another name space
        lambda y: y.new_zeros(1, 4, 5).scatter_reduce(2, PLACES, y.flatten(2), "amax"),
        lambda y: y.mean((2, 3)) + y.mean((2, 3)) @ torch.zeros(4, 0) @ torch.zeros(0, 4),
    ],
    ids=["exporting", "checking", "empty"],
)
def test_what_the_exporter_fails_at_names_its_line(function):
    said = refusal(function)
    assert re.search(rf"at .*{Path(__file__).name}:\d+", said)


def last_mixed_in(net: nn.Module, y: Tensor) -> Tensor:
    last = getattr(net, "last", y)
    net.last = y
    return y + last


def running_mean(net: nn.Module, y: Tensor) -> Tensor:
    net.mean.mul_(0.9).add_(0.1 * y.mean())
    return y - net.mean


def first_kept(net: nn.Module, y: Tensor) -> Tensor:
    if not hasattr(net, "last"):
        net.last = y.mean()
    return y + net.last


@pytest.mark.parametrize("function", [last_mixed_in, running_mean, first_kept])
def test_an_output_that_depends_on_what_came_before_is_refused(function):
    net = Apply(lambda y: function(net, y))
    net.register_buffer("mean", torch.zeros(()))
    with pytest.raises(NetRefused, match="remembers what it was given before"):
        capture(net, X, name="net")
    assert not hasattr(net, "last")
    assert net.mean == 0


def test_what_a_net_keeps_without_using_it_does_no_harm():
    def counted(y: Tensor) -> Tensor:
        net.calls += 1
        net.seen = y
        return y

    net = Apply(counted)
    net.register_buffer("calls", torch.zeros((), dtype=torch.int64))
    capture(net, X, name="net")
    assert (int(net.calls), hasattr(net, "seen")) == (0, False)


def test_randomness_names_its_line():
    said = refusal(lambda y: y + torch.randn_like(y))
    assert re.search(rf"random numbers in torch.randn_like at .*{Path(__file__).name}:\d+", said)


def test_shapes_that_depend_on_values_are_refused():
    assert "how many they are would depend on it" in refusal(lambda y: y[y > 0])


@pytest.mark.parametrize(
    "function", [lambda y: y + torch.randn_like(y), nn.functional.dropout], ids=["noise", "dropout"]
)
def test_randomness_is_refused(function):
    assert "another output when it is given the same photo again" in refusal(function)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y: (y, 3), "gives a int as output_1"),
        (lambda y: (None, [None]), "gives no tensor"),
        (lambda y: "cat", "gives a str"),
        (lambda y: torch.ones(1, 2), "does not depend on its input"),
        (lambda y: (y, torch.ones(1, 2)), "output_1 does not depend on the net's input"),
        (lambda y: (y, y.to(torch.uint8)), "output_1 is torch.uint8"),
        (lambda y: y[:, :0], "holds no value"),
        (lambda y: y.to("meta"), "on the CPU"),
        (lambda y: {"a": {"b": y}, "a_b": y * 2}, "called 'a_b'"),
        (lambda y: {"input": y, "b": y * 2}, "called 'input'"),
        (lambda y: {"": y, "b": y * 2}, "called ''"),
        (lambda y: {}, "no tensor"),
    ],
)
def test_results_that_are_no_plain_tensors_of_their_own_are_refused(function, said):
    assert said in refusal(function)


def test_an_output_that_the_input_does_not_change_is_said_with_the_forwards_line():
    lines = Path(__file__).read_text().splitlines()
    number = 1 + next(i for i, line in enumerate(lines) if "def forward(self, x: Tensor)" in line)
    said = refusal(lambda y: (y, torch.ones(1, 2)))
    assert f"(forward at {__file__}:{number}); leave it out" in said


def test_an_input_the_net_cannot_take_says_why():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(400, 2))
    with pytest.raises(
        NetRefused, match=r"net cannot take an input of 1 x 3 x 9 x 9: .*multiplied"
    ):
        capture(net, torch.zeros(1, 3, 9, 9), name="net")


def test_an_error_of_the_nets_own_code_names_its_line():
    def broken(y: Tensor) -> Tensor:
        return y.no_such_method()

    message = refusal(broken)
    assert "no_such_method" in message
    assert re.search(rf"{Path(__file__).name}:\d+", message)


def test_more_than_one_input_is_refused():
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    with pytest.raises(NetRefused, match="missing 1 required positional argument"):
        capture(Two(), X, name="net")


@pytest.mark.parametrize("example", [torch.zeros(()), torch.zeros(1, 3, 4, 4).double()])
def test_inputs_that_are_no_reals_of_a_batch_are_refused(example):
    with pytest.raises(NetRefused, match="inputs are float32 of shape"):
        capture(nn.ReLU(), example, name="net")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(value):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    net[1].running_var[2] = value
    with pytest.raises(NetRefused, match=r"1\.running_var holds NaN or infinity"):
        capture(net, X, name="net")


def test_a_net_past_protobufs_limit_is_refused_before_it_is_traced(monkeypatch):
    monkeypatch.setattr(capture_module, "LARGEST_BYTES", 400)
    with pytest.raises(NetRefused, match="at most"):
        capture(nn.Conv2d(3, 4, 3), X, name="net")


def test_weights_of_a_module_that_is_not_the_nets_own_say_how_to_make_it_so():
    stray = nn.Conv2d(4, 4, 1)

    def borrow(y: Tensor) -> Tensor:
        return stray(y)

    said = refusal(borrow)
    assert "a module that is none of its own" in said
    assert "self.name = module" in said
    assert Path(__file__).name in said


def test_a_dict_whose_keys_are_no_names_is_refused():
    assert "the key (0, 1)" in refusal(lambda y: {(0, 1): y, (1, 0): -y})
