"""A feature extractor gives what the layer gives, and its graph holds nothing behind it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.errors import NetRefused, UnknownName, UsageError
from edgeconv.export.capture.hub import capture
from edgeconv.nets.features import OUTPUT_NAME, feature_extractor
from edgeconv.nets.load import load_net
from tests.helpers.hub import run_hub

X = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class Small(nn.Module):
    """Overwrites a layer's output in place, calls one module twice, and never calls another."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=True)
        self.pair = Pair()
        self.unused = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        left, right = self.pair(x)
        x = self.relu(left - 2 * right)
        return self.head(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x - 1


def small() -> Small:
    torch.manual_seed(0)
    return Small().eval()


def test_a_layer_of_a_net_gives_what_a_hook_on_it_sees():
    net = load_net("mobilenet_v2", weights="random").module
    with torch.no_grad():
        wanted = net.features[:8](X)
        got = feature_extractor(net, "features.7")(X)
    assert torch.equal(got, wanted)


def test_the_graph_of_a_feature_extractor_ends_at_the_layer_and_keeps_every_name():
    net = load_net("mobilenet_v2", weights="random").module
    whole = {node.name for node in capture(net, X, name="net").graph}
    with torch.no_grad():
        wanted = net.features[:8](X).numpy()
    model = capture(feature_extractor(net, "features.7"), X, name="net", output=OUTPUT_NAME)
    assert [value.name for value in model.graph.outputs] == ["features"]
    names = {node.name for node in model.graph}
    assert names < whole
    assert not any(name.startswith(("features.8", "classifier")) for name in names)
    got = run_hub(model, X.numpy())["features"]
    assert abs(got - wanted).max() <= 1e-5 * abs(wanted).max()


def test_what_follows_in_place_does_not_show_in_the_features():
    net = small()
    with torch.no_grad():
        wanted = net.stem(X)
        got = feature_extractor(net, "stem")(X)
    assert wanted.min() < 0
    assert torch.equal(got, wanted)


def test_a_layer_called_twice_gives_its_last_result():
    net = small()
    with torch.no_grad():
        y = functional.relu(net.stem(X))
        wanted = functional.relu(y - 2 * (y - 1))
        assert torch.equal(feature_extractor(net, "relu")(X), wanted)


def test_torchscript_is_refused():
    with pytest.raises(NetRefused, match="PyTorch module that it was made from"):
        feature_extractor(torch.jit.trace(nn.Sequential(nn.ReLU()), X), "0")
    with pytest.raises(NetRefused, match="PyTorch module that it was made from"):
        feature_extractor(nn.Sequential(torch.jit.trace(nn.ReLU(), X)), "0")


@pytest.mark.parametrize(
    ("layer", "error", "said"),
    [
        ("stemm", UnknownName, "did you mean stem"),
        ("", UnknownName, "stem, relu, pair"),
        ("unused", UsageError, "not used"),
        ("pair", UsageError, "gives a tuple"),
    ],
)
def test_a_layer_that_gives_no_features_is_refused(layer, error, said):
    with pytest.raises(error, match=said):
        capture(feature_extractor(small(), layer), X, name="net")
