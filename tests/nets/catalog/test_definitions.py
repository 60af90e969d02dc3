"""Every definition is the published net: same keys, same logits, same size, same work."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.nets.blocks import SameConv2d, round_channels, same_padding
from edgeconv.nets.facts import count_parameters
from edgeconv.nets.registry import NETS, find
from edgeconv.nets.spec import Facts, NetSpec

IN_TORCHVISION = [
    "mobilenet_v2",
    *(f"squeezenet1_{minor}" for minor in (0, 1)),
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
]
PUBLISHED = [
    (spec.name, dict(options), facts)
    for spec in NETS.values()
    for options, facts in (({}, spec.facts), *spec.variants)
]


def randomise(module: nn.Module) -> nn.Module:
    """Values that let every BatchNorm and bias show in the logits."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if name.endswith(("running_var", "bn1.weight", ".1.weight")):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + 0.75)
            elif tensor.dim() == 1:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return module.eval()


def build(spec: NetSpec, classes: int | None = None, **options: Any) -> nn.Module:
    return spec.build(classes or spec.classes, spec.resolve_options(options)).eval()


@pytest.mark.parametrize("name", IN_TORCHVISION)
def test_a_torchvision_state_dict_loads_strictly_and_gives_the_same_logits(
    name: str, torchvision: ModuleType
) -> None:
    torch.manual_seed(0)
    theirs = randomise(getattr(torchvision.models, name)())
    ours = build(find(name))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    photo = torch.randn(2, 3, 64, 80)
    with torch.inference_mode():
        expected = theirs(photo)
        got = ours(photo)
    assert expected.abs().max() > 0
    assert (got - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.3, 1.4])
def test_other_widths_of_mobilenet_v2_are_torchvisions(
    width: float, torchvision: ModuleType
) -> None:
    theirs = randomise(torchvision.models.mobilenet_v2(width_mult=width))
    ours = build(find("mobilenet_v2"), width=width)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    photo = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs(photo)
        assert (ours(photo) - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize(("name", "options", "facts"), PUBLISHED)
def test_parameters_and_work_are_as_published(
    name: str, options: dict[str, Any], facts: Facts
) -> None:
    spec = find(name)
    with torch.device("meta"):
        module = build(spec, **options)
        assert count_parameters(module) == facts.parameters
        counted = multiply_adds(module, spec.preprocessing.input_size)
    assert counted == pytest.approx(facts.multiply_adds, rel=0.01)


def multiply_adds(module: nn.Module, size: tuple[int, int]) -> int:
    """Of convolutions and matrices, counted from the shapes that flow on the meta device."""
    total = 0

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        each = layer.weight[0].numel() if isinstance(layer, nn.Conv2d) else layer.in_features
        total += output.numel() * each

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    module(torch.zeros(1, 3, *size))
    return total


@pytest.mark.parametrize("name", NETS)
def test_every_net_has_as_many_logits_as_classes_and_takes_its_smallest_input(name: str) -> None:
    spec = find(name)
    side = spec.minimum_input
    with torch.device("meta"), torch.inference_mode():
        module = build(spec, classes=7)
        given = module(torch.zeros(2, 3, side, side + 5))
    logits = given["scores"].transpose(1, 2) if spec.task == "detection" else given
    assert logits.shape[:2] == (2, 7)
    rows = dict(module.named_modules())[spec.classifier].weight.shape[0]
    assert rows == 7 * spec.classifier_rows


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_a_squeezenet_cannot_take_less_than_its_minimum(name: str) -> None:
    spec = find(name)
    side = spec.minimum_input - 1
    with torch.inference_mode(), pytest.raises(RuntimeError, match="too small"):
        build(spec)(torch.randn(1, 3, side, side))


@pytest.mark.parametrize(
    ("size", "stride", "expected"),
    [(224, 2, (0, 1)), (113, 2, (1, 1)), (224, 1, (1, 1)), (7, 2, (1, 1)), (2, 2, (0, 1))],
)
def test_same_pads_an_even_size_behind_only(
    size: int, stride: int, expected: tuple[int, int]
) -> None:
    assert same_padding(size, kernel=3, stride=stride) == expected


def test_same_convolution_sees_zeros_right_and_below() -> None:
    conv = SameConv2d(3, 4, 3, stride=2)
    photo = torch.randn(1, 3, 8, 10)
    padded = torch.zeros(1, 3, 9, 11)
    padded[:, :, :8, :10] = photo
    expected = functional.conv2d(padded, conv.weight, conv.bias, stride=2)
    assert torch.equal(conv(photo), expected)
    assert conv(photo).shape[-2:] == (4, 5)


def test_same_convolution_pads_each_axis_by_its_own_size() -> None:
    conv = SameConv2d(3, 4, 3, stride=2)
    photo = torch.randn(1, 3, 8, 9)
    expected = functional.conv2d(
        functional.pad(photo, (1, 1, 0, 1)), conv.weight, conv.bias, stride=2
    )
    assert torch.allclose(conv(photo), expected, atol=1e-6)


def test_same_padding_is_captured_without_shape_arithmetic() -> None:
    program = torch.export.export(
        build(find("mobilenet_v1"), padding="same"), (torch.zeros(1, 3, 64, 64),)
    )
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not {name for name in called if "sym_" in name or "floordiv" in name or "cond" in name}
    assert "aten.pad.default" in called or "aten.constant_pad_nd.default" in called


def test_same_and_symmetric_padding_share_the_shapes_but_not_the_values() -> None:
    symmetric = build(find("mobilenet_v1"), padding="symmetric", width=0.25)
    same = build(find("mobilenet_v1"), padding="same", width=0.25)
    same.load_state_dict(symmetric.state_dict(), strict=True)
    photo = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert symmetric(photo).shape == same(photo).shape
        assert not torch.allclose(symmetric(photo), same(photo))


@pytest.mark.parametrize(("channels", "expected"), [(44.8, 48), (11.2, 16), (8, 8), (3, 8)])
def test_channels_are_rounded_to_eights_without_losing_a_tenth(
    channels: float, expected: int
) -> None:
    assert round_channels(channels) == expected


def test_random_values_keep_a_deep_nets_activations_in_range() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        logits = build(find("squeezenet1_1"))(torch.randn(1, 3, 128, 128))
    assert 1e-3 < logits.abs().max() < 1e3
