"""Grad-CAM against the papers' formulas, worked out without edgeconv."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.errors import UnknownName, UsageError
from edgeconv.explain import calls
from edgeconv.explain.gradcam import grad_cam
from edgeconv.nets.load import load_net

X = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))


class Small(nn.Module):
    """Two convolutions, one rectifier in place for both, global pooling; a layer is unused."""

    def __init__(self, *, deep_tail: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(3, 6, 3)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2)
        self.unused = nn.Conv2d(3, 4, 3)
        hidden = [nn.Linear(8, 8), nn.ReLU()] if deep_tail else []
        self.head = nn.Sequential(*hidden, nn.Linear(8, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        return self.head(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


def test_it_is_the_formula_of_the_paper():
    net = Small(deep_tail=True).eval()
    with torch.no_grad():
        a = functional.relu(net.conv2(functional.relu(net.conv1(X))))
    a.requires_grad_()
    net.head(a.mean((2, 3)))[0, 2].backward()
    weights = a.grad[0].mean((1, 2))
    wanted = functional.relu(torch.einsum("k,khw->hw", weights, a.detach()[0]))
    got = grad_cam(net, "relu", X, 2)
    assert np.allclose(got.map, wanted.numpy(), atol=1e-6)
    assert np.allclose(got.gradients, a.grad[0].numpy(), atol=1e-6)


def test_before_a_linear_layer_it_is_zhous_cam_but_for_the_factor():
    # Zhou et al. 2016: CAM = sum over k of w[class, k] A[k]; Selvaraju et al., section 3.1: the
    # same up to 1 / Z, the number of positions.
    net = load_net("mobilenet_v2", weights="random").module.eval()
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        a = net.features(x)[0]
        cam = torch.einsum("k,khw->hw", net.classifier[1].weight[7], a) / (a.shape[1] * a.shape[2])
    got = grad_cam(net, "features", x, 7)
    assert np.allclose(got.signed, cam.numpy(), rtol=1e-4, atol=1e-6 * float(cam.abs().max()))


def test_other_activations_are_carried_through_the_rest_of_the_net():
    net = Small(deep_tail=True).eval()
    own = grad_cam(net, "relu", X, 1)
    other = own.activations * np.linspace(0, 3, 8, dtype=np.float32)[:, None, None]
    a = torch.from_numpy(other)[None].requires_grad_()
    net.head(a.mean((2, 3)))[0, 1].backward()
    got = grad_cam(net, "relu", X, 1, activations=other)
    assert np.allclose(got.activations, other)
    assert np.allclose(got.gradients, a.grad[0].numpy(), atol=1e-6)
    assert not np.allclose(got.signed, own.signed)


def test_the_net_is_left_as_it_was():
    net = Small().eval()
    with torch.no_grad():
        before = net(X)
    grad_cam(net, "conv2", X, 0)
    calls.run(net, X)
    with torch.no_grad():
        assert torch.equal(net(X), before)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(layer._forward_hooks for layer in net.modules())


@pytest.mark.parametrize(
    ("net", "last"),
    [
        ("mobilenet_v2", "features.18.2"),
        ("squeezenet1_1", "classifier.2"),
        ("resnet18", "layer4.1.relu2"),
        ("alexnet", "features.11"),
    ],
)
def test_the_last_feature_map_is_the_one_before_the_global_pooling(net, last):
    module = load_net(net, weights="random").module.eval()
    assert calls.run(module, torch.zeros(1, 3, 96, 96)).feature_maps[-1] == last


@pytest.mark.parametrize(
    ("layer", "error", "said"),
    [
        ("conv3", UnknownName, "did you mean conv"),
        ("head", UsageError, "no feature map"),
        ("unused", UsageError, "not used"),
    ],
)
def test_a_layer_without_a_feature_map_is_refused(layer, error, said):
    with pytest.raises(error, match=said):
        grad_cam(Small().eval(), layer, X, 0)


def test_a_layer_the_logits_do_not_depend_on_is_refused():
    class Aside(Small):
        def forward(self, x: Tensor) -> Tensor:
            self.unused(x)
            return super().forward(x)

    with pytest.raises(UsageError, match="does not depend on layer unused"):
        grad_cam(Aside().eval(), "unused", X, 0)


def test_a_net_that_is_no_classifier_is_refused():
    with pytest.raises(UsageError, match="needs a classifier"):
        calls.run(nn.Conv2d(3, 4, 3), X)
