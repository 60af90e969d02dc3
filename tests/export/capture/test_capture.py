"""What a captured graph promises, on nets small enough to read."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.nets.mobilenet_v1 import MobileNetV1
from edgeconv.nets.torchvision_shim import import_torchvision
from tests.helpers.hub import capture_and_compare, node_named, operators, run_hub, unsettle

X = torch.zeros(1, 3, 12, 12)


class Block(nn.Module):
    """A residual block with one ReLU called twice."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.relu(self.conv(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU6()),
            Block(8),
            Block(8),
        )
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.features(x).mean([2, 3])))


class Apply(nn.Module):
    """A convolution, then any function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(self.conv(x))


def test_names_say_where_in_the_net_a_tensor_comes_from():
    model = capture(unsettle(Net()), X, name="net")
    modules = dict(Net().named_modules())
    names = [node.name for node in model.graph]
    assert names == [
        "features.0.0",
        "features.0.2",
        "features.1.conv.0",
        "features.1.relu",
        "features.1/add",
        "features.1.relu_1",
        "features.2.conv.0",
        "features.2.relu",
        "features.2/add",
        "features.2.relu_1",
        "globalaveragepool",
        "flatten",
        "classifier",
    ]
    assert {"features.0.0", "features.1.conv.0", "features.2.relu", "classifier"} <= set(modules)
    for node in list(model.graph)[:-1]:
        assert node.outputs[0].name == node.name
    assert [v.name for v in model.graph.inputs] == ["input"]
    assert [v.name for v in model.graph.outputs] == ["logits"]
    assert [v.name for v in node_named(model, "features.0.0").inputs] == [
        "input",
        "features.0.0.weight",
        "features.0.0.bias",
    ]


def test_batchnorm_dropout_and_mean_leave_only_plain_operators():
    model = capture_and_compare(unsettle(Net()))
    assert operators(model) == [
        *("Conv", "Clip"),
        *("Conv", "Relu", "Add", "Relu") * 2,
        *("GlobalAveragePool", "Flatten", "Gemm"),
    ]


def test_every_constant_has_one_reader_and_every_shape_is_known():
    model = capture(Net(), X, name="net")
    for name, value in model.graph.initializers.items():
        assert len(tuple(value.uses())) == 1, name
        assert value.name == name
    for node in model.graph:
        for value in node.outputs:
            assert value.shape is not None
            assert value.shape.is_static()
    assert model.opset_imports[""] == 17


def test_every_convolution_has_a_bias():
    model = capture_and_compare(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU()))
    conv = node_named(model, "0")
    assert np.array_equal(conv.inputs[2].const_value.numpy(), np.zeros(4, np.float32))


def test_module_comes_back_in_the_mode_it_had():
    net = Net().train()
    net.features[1].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    capture(net, X, name="net")
    assert net.training
    assert net.features[0].training
    assert not net.features[1].training
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_same_net_gives_the_same_bytes():
    net = unsettle(Net())
    first, second = (capture(net, X, name="net") for _ in range(2))
    assert ir.to_proto(first).SerializeToString() == ir.to_proto(second).SerializeToString()


def test_a_net_of_one_layer_is_a_net():
    capture_and_compare(nn.Conv2d(3, 4, 3))


def test_modules_in_lists_and_dicts_are_named_by_their_path():
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)])
            self.heads = nn.ModuleDict({"main": nn.Conv2d(3, 2, 1)})

        def forward(self, x: Tensor) -> Tensor:
            for block in self.blocks:
                x = block(x)
            return self.heads["main"](x)

    names = [node.name for node in capture(Listed(), X, name="net").graph]
    assert names == ["blocks.0", "blocks.1", "heads.main"]


def test_a_module_called_twice_gets_weights_for_each_call():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.conv(x))

    model = capture_and_compare(Twice())
    assert [node.name for node in model.graph] == ["conv", "conv_1"]
    assert {"conv.weight", "conv_1.weight"} <= set(model.graph.initializers)


def test_the_last_operator_of_a_module_bears_its_name():
    model = capture_and_compare(nn.Sequential(nn.Conv2d(3, 4, 1), nn.SiLU(), nn.Conv2d(4, 4, 1)))
    assert [node.name for node in model.graph] == ["0", "1/sigmoid", "1", "2"]


Pair = namedtuple("Pair", ["boxes", "scores"])


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda y: (y, y * 2), ["output_0", "output_1"]),
        (lambda y: [y + 1], ["logits"]),
        (lambda y: {"out": y, "aux": y * 2}, ["out", "aux"]),
        (lambda y: Pair(y, y * 2), ["boxes", "scores"]),
        (lambda y: {"p": (y, y * 2)}, ["p_0", "p_1"]),
    ],
    ids=["tuple", "list of one", "dict", "named tuple", "nested"],
)
def test_outputs_are_named_after_what_the_module_calls_them(function, names):
    net = Apply(function).eval()
    model = capture(net, X, name="net")
    x = torch.randn(1, 3, 12, 12)
    got = run_hub(model, x.numpy())
    assert list(got) == names
    with torch.no_grad():
        first = net.conv(x).numpy()
    assert np.allclose(got[names[0]] - (1 if names == ["logits"] else 0), first, atol=1e-5)


def test_deciding_by_a_shape_is_allowed():
    def halve(y: Tensor) -> Tensor:
        return y[:, :2] if y.shape[1] > 2 else y

    capture_and_compare(Apply(halve))


def test_tensorflows_same_padding_ends_in_the_convolutions():
    net = unsettle(MobileNetV1(classes=4, width=0.25, padding="same"))
    model = capture_and_compare(net, (1, 3, 32, 32))
    assert "Pad" not in operators(model)
    stem = node_named(model, "features.0.0")
    assert tuple(stem.attributes["pads"].as_ints()) == (0, 0, 1, 1)


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_torchvisions_nets_keep_their_logits(name):
    torch.manual_seed(0)
    net = unsettle(getattr(import_torchvision().models, name)(weights=None))
    model = capture_and_compare(net, (1, 3, 64, 64), bound=1e-5)
    forbidden = {"BatchNormalization", "Identity", "Dropout", "Constant", "ReduceMean", "Pad"}
    assert not forbidden & set(operators(model))
