"""GoogLeNet and its successors are torchvision's, timm's, and for Inception-v2 the paper's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgeconv.nets.apply_state import apply_state
from edgeconv.nets.facts import count_parameters
from edgeconv.nets.inception_resnet_v2 import ScaledConv2d
from edgeconv.nets.inception_v2 import InceptionV2
from edgeconv.nets.registry import find
from tests.nets.catalog.filling import assert_same_filled_net, filled, unfilled

WEIGHTS = {"googlenet": "GoogLeNet", "inception_v3": "Inception_V3"}  # of torchvision
SMALL = (80, 96)


def theirs_of(name: str, torchvision: ModuleType, *, auxiliary: bool, **options: Any) -> nn.Module:
    """Torchvision's, without values."""
    with torch.device("meta"):
        net: nn.Module = getattr(torchvision.models, name)(
            num_classes=10, aux_logits=auxiliary, init_weights=False, **options
        )
    return net


@pytest.mark.parametrize("auxiliary", [False, True])
@pytest.mark.parametrize("name", WEIGHTS)
def test_a_torchvision_net_loads_with_and_without_its_auxiliary_classifiers(
    name: str, auxiliary: bool, torchvision: ModuleType
) -> None:
    theirs = theirs_of(name, torchvision, auxiliary=auxiliary)
    assert_same_filled_net(unfilled(name), theirs, SMALL)


@pytest.mark.parametrize("name", ["inception_v4", "inception_resnet_v2"])
def test_a_timm_net_loads_strictly_and_gives_the_same_logits(name: str, timm: ModuleType) -> None:
    with torch.device("meta"):
        theirs = timm.create_model(name, num_classes=10)
    assert_same_filled_net(unfilled(name), theirs, SMALL)


@pytest.mark.parametrize("name", WEIGHTS)
def test_edgeconvs_own_loading_drops_auxiliary_classifiers_too(
    name: str, torchvision: ModuleType
) -> None:
    state = filled(theirs_of(name, torchvision, auxiliary=True))
    assert any(key.startswith(("aux", "Aux")) for key in state)
    ours = unfilled(name).to_empty(device="cpu")
    apply_state(ours, state, "w.pth", name)
    assert torch.equal(ours.state_dict()["fc.weight"], state["fc.weight"])


@pytest.mark.parametrize("name", WEIGHTS)
def test_parameters_are_torchvisions_without_what_only_training_runs(
    name: str, torchvision: ModuleType
) -> None:
    with torch.device("meta"):
        full = getattr(torchvision.models, name)(aux_logits=True, init_weights=False)
    parameters = find(name).facts.parameters
    assert count_parameters(full) == parameters + auxiliary_parameters(full)
    published = getattr(torchvision.models, f"{WEIGHTS[name]}_Weights").DEFAULT.meta["num_params"]
    assert published in (parameters, count_parameters(full))


def auxiliary_parameters(net: Any) -> int:
    heads = [child for name, child in net.named_children() if name.lower().startswith("aux")]
    return sum(count_parameters(head) for head in heads)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_preprocessing_does_what_transform_input_does_inside_torchvisions_net(
    name: str, torchvision: ModuleType
) -> None:
    theirs = theirs_of(name, torchvision, auxiliary=False, transform_input=True)
    ours = unfilled(name)
    state = filled(theirs)
    for net in (theirs.eval(), ours):
        net.load_state_dict(state, assign=True)
    published = find(name).pretrained
    assert published is not None
    imagenet = getattr(torchvision.models, f"{WEIGHTS[name]}_Weights").DEFAULT.transforms()
    pixels = torch.rand(1, 3, *SMALL, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = theirs(normalized(pixels, imagenet.mean, imagenet.std))
        preprocessing = published.preprocessing
        got = ours(normalized(pixels, preprocessing.mean, preprocessing.std))
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()


def normalized(pixels: Tensor, mean: Any, std: Any) -> Tensor:
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@pytest.mark.parametrize("name", ["inception_v4", "inception_resnet_v2"])
def test_work_and_parameters_are_those_of_timms_definition(name: str, timm: ModuleType) -> None:
    facts = find(name).facts
    with torch.device("meta"):
        theirs = timm.create_model(name).eval()
        assert count_parameters(theirs) == facts.parameters
        assert multiply_adds(theirs, 299) == facts.multiply_adds


@pytest.mark.parametrize("name", ["inception_v4", "inception_resnet_v2"])
def test_preprocessing_is_timms(name: str, timm: ModuleType) -> None:
    theirs = timm.get_pretrained_cfg(name)
    ours = find(name).preprocessing
    assert (3, *ours.input_size) == theirs.input_size
    assert ours.resize == int(ours.input_size[0] / theirs.crop_pct)
    assert (ours.mean, ours.std) == (theirs.mean, theirs.std)
    assert ours.interpolation == theirs.interpolation


def multiply_adds(module: nn.Module, side: int) -> int:
    total = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    module(torch.zeros(1, 3, side, side))
    return total


# Name, output channels and side of each module: Figure 5 of the paper.
FIGURE_5 = [
    ("maxpool1", 64, 56),
    ("maxpool2", 192, 28),
    ("inception3a", 256, 28),
    ("inception3b", 320, 28),
    ("inception3c", 576, 14),
    ("inception4a", 576, 14),
    ("inception4b", 576, 14),
    ("inception4c", 576, 14),
    ("inception4d", 576, 14),
    ("inception4e", 1024, 7),
    ("inception5a", 1024, 7),
    ("inception5b", 1024, 7),
]


def test_inception_v2_has_the_output_sizes_of_the_papers_figure() -> None:
    found: dict[str, tuple[int, ...]] = {}
    net = unfilled("inception_v2")
    for name, layer in net.named_children():
        layer.register_forward_hook(
            lambda _module, _input, output, name=name: found.update({name: output.shape})
        )
    net(torch.zeros(1, 3, 224, 224, device="meta"))
    for name, channels, side in FIGURE_5:
        assert found[name] == (1, channels, side, side), name


def test_inception_v2_pools_as_the_papers_figure_says() -> None:
    net = unfilled("inception_v2")
    assert isinstance(net, InceptionV2)
    pools = {
        name: type(layer.branch4[0] if isinstance(layer.branch4, nn.Sequential) else layer.branch4)
        for name, layer in net.named_children()
        if name.startswith("inception")
    }
    maximum = {name for name, pool in pools.items() if pool is nn.MaxPool2d}
    assert maximum == {"inception3c", "inception4e", "inception5b"}
    assert len(pools) == 10


def test_inception_v2_starts_with_a_separable_convolution_of_depth_multiplier_8() -> None:
    first = unfilled("inception_v2").conv1.depthwise
    assert isinstance(first, nn.Conv2d)
    assert (first.in_channels, first.groups, first.out_channels) == (3, 3, 24)


def test_a_scaled_convolution_is_a_convolution_times_its_scale() -> None:
    ours = ScaledConv2d(5, 4, 0.17)
    plain = nn.Conv2d(5, 4, 1)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(1, 5, 3, 3)
    assert torch.allclose(ours(x), plain(x) * 0.17, atol=1e-6)
