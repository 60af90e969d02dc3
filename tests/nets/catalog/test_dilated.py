"""Dilated nets: an eighth of the resolution, and receptive fields as the papers state them."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import UsageError
from edgeconv.nets.agreement import agreed_preprocessing
from edgeconv.nets.dilated_resnet import DRNA
from edgeconv.nets.dilated_vgg import context_module, dilated_vgg16_frontend
from edgeconv.nets.registry import find
from edgeconv.nets.resnet import Bottleneck, ResNetBody
from tests.nets.catalog.oracle import assert_same_net, build

DRNS = ["drn_a_50", "drn_c_26"]
DENSE = [
    *((name, {"dense": True}) for name in DRNS),
    ("dilated_vgg16_frontend", {}),
    ("dilated_vgg16_context", {}),
    ("dilated_vgg16_context", {"context": "large"}),
]


def receptive_field(net: nn.Module, size: int, channels: int = 3) -> tuple[int, int]:
    """(height, width) in pixels of the inputs that reach the output's middle position.

    Measured: the input's gradient of that output, in a net whose weights are all positive, so that
    no two paths cancel and no ReLU closes; max-pools, whose gradient follows one path, average.
    """
    for pool in [module for module in net.modules() if isinstance(module, nn.MaxPool2d)]:
        pool.forward = partial(  # type: ignore[method-assign]
            nn.functional.avg_pool2d,
            kernel_size=pool.kernel_size,
            stride=pool.stride,
            padding=pool.padding,
        )
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            if parameter.dim() == 4:
                parameter.div_(parameter[0].numel())
    x = torch.ones(1, channels, size, size, requires_grad=True)
    y: Tensor = net.eval()(x)
    (gradient,) = torch.autograd.grad(y[0, 0, y.shape[2] // 2, y.shape[3] // 2], x)
    rows, columns = torch.nonzero(gradient[0].abs().sum(0), as_tuple=True)
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize(("name", "options"), DENSE)
@pytest.mark.parametrize("size", [(64, 96), (224, 160)])
def test_a_dense_net_labels_an_eighth_of_the_resolution(
    name: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    with torch.device("meta"), torch.inference_mode():
        scores = build(name, classes=7, **options)(torch.zeros(2, 3, *size))
    assert scores.shape == (2, 7, size[0] // 8, size[1] // 8)


@pytest.mark.parametrize("context", [False, True])
def test_unpadded_the_authors_input_gives_the_authors_map(context: bool) -> None:
    # Their files for VOC say 900 x 900 in; 66 x 66 positions come out.
    name = "dilated_vgg16_context" if context else "dilated_vgg16_frontend"
    with torch.device("meta"), torch.inference_mode():
        scores = build(name, classes=21, padding="valid")(torch.zeros(1, 3, 900, 900))
    assert scores.shape == (1, 21, 66, 66)


def test_unpadded_the_smallest_input_gives_one_position_and_less_is_refused() -> None:
    spec = find("dilated_vgg16_frontend")
    options = spec.resolve_options({"padding": "valid"})
    least = spec.minimum_for(options)
    with torch.device("meta"), torch.inference_mode():
        scores = build(spec.name, padding="valid")(torch.zeros(1, 3, least, least))
    assert scores.shape[2:] == (1, 1)
    with pytest.raises(UsageError, match=f"at least {least}"):
        agreed_preprocessing(spec, spec.preprocessing, {}, (least - 1, least - 1), options=options)


def test_padded_and_unpadded_front_ends_agree_where_no_padding_reaches() -> None:
    torch.manual_seed(0)
    padded, valid = narrow_front_end("symmetric"), narrow_front_end("valid")
    valid.load_state_dict(padded.state_dict(), strict=True)
    photo = torch.randn(1, 3, 388, 396)
    with torch.inference_mode():
        inner = valid(photo)
        # Both lose or pad 186 pixels on each side, which is no multiple of 8: at stride 8 the
        # grids lie 2 pixels apart, so the padded net sees the photo moved by that.
        moved = padded(nn.functional.pad(photo, (6, 0, 6, 0)))
    assert inner.shape[2:] == (2, 3)
    assert torch.allclose(moved[:, :, 24:26, 24:27], inner, atol=1e-5)


def narrow_front_end(padding: str = "symmetric") -> nn.Sequential:
    """The front end's layers with two channels each, where its own take minutes."""
    with torch.device("meta"):
        net = dilated_vgg16_frontend(2, padding)
    for name, layer in net.named_children():
        if isinstance(layer, nn.Conv2d):
            channels = 3 if name == "conv1_1" else 2
            side, apart, border = layer.kernel_size[0], layer.dilation[0], layer.padding[0]
            assert isinstance(border, int)
            conv = nn.Conv2d(channels, 2, side, padding=border, dilation=apart)
            net.add_module(name, conv)
    return net.eval()


@pytest.mark.parametrize(
    ("layers", "field"),
    [(1, 3), (2, 5), (3, 9), (4, 17), (5, 33), (6, 65), (7, 67), (8, 67)],
)
@pytest.mark.parametrize("context", ["basic", "large"])
def test_the_context_modules_receptive_field_grows_as_in_the_papers_table_1(
    layers: int, field: int, context: str
) -> None:
    module = context_module(2, context)
    convolutions = [i for i, layer in enumerate(module) if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 8
    assert receptive_field(module[: convolutions[layers - 1] + 1], 80, channels=2) == (field, field)


@pytest.mark.parametrize(
    ("context", "widths"),
    [("basic", [1, 1, 1, 1, 1, 1, 1, 1]), ("large", [2, 2, 4, 8, 16, 32, 32, 1])],
)
def test_the_context_modules_widths_are_those_of_the_papers_table_1(
    context: str, widths: list[int]
) -> None:
    module = context_module(21, context)
    convolutions = [layer for layer in module if isinstance(layer, nn.Conv2d)]
    assert [conv.out_channels for conv in convolutions] == [21 * width for width in widths]
    assert [conv.dilation[0] for conv in convolutions] == [1, 1, 2, 4, 8, 16, 1, 1]


def test_the_front_ends_receptive_field_is_vggs_less_the_two_pools_it_lacks() -> None:
    # VGG-16 sees 404 pixels through fc6 (7 x 7 at stride 32 of pool5's 212); the pools at strides
    # 8 and 16 reach 8 and 16 of them, and the dilations make up for the strides.
    assert receptive_field(narrow_front_end(), 400) == (404 - 8 - 16,) * 2


def test_dilation_keeps_the_receptive_field_that_striding_gives() -> None:
    blocks = (1, 1, 2, 2)
    strided = ResNetBody(Bottleneck, blocks)
    strided.forward = strided.features
    field = receptive_field(strided, 224)
    # Stem 7/2 and pool 3/2, then 3 x 3 at stride 4, twice at 8 and at 16, once at 32, where a
    # stage's first convolution still reaches in the steps of the stage before.
    assert field == (1 + 6 + 2 * 2 + 2 * (4 + 4 + 8 + 16 + 16 + 32),) * 2
    assert receptive_field(DRNA(blocks, 2, dense=True), 224) == field


@pytest.mark.parametrize("name", DRNS)
def test_a_drn_classifies_the_average_of_what_it_labels_densely(name: str) -> None:
    torch.manual_seed(0)
    whole = build(name, classes=5)
    dense = build(name, classes=5, dense=True)
    dense.load_state_dict(whole.state_dict(), strict=True)
    photo = torch.randn(1, 3, 32, 48)
    with torch.inference_mode():
        expected, labelled = whole(photo), dense(photo)
    assert labelled.shape == (1, 5, 4, 6)
    assert torch.allclose(labelled.mean((2, 3)), expected, atol=1e-5)


def test_drn_a_50_is_torchvisions_resnet50_with_strides_replaced(torchvision: ModuleType) -> None:
    theirs = torchvision.models.resnet50(
        num_classes=10, replace_stride_with_dilation=[False, True, True]
    )
    assert_same_net(build("drn_a_50"), theirs, size=(48, 40))


def test_drn_c_26_has_26_layers_and_no_shortcut_past_the_last_two() -> None:
    with torch.device("meta"):
        net = build("drn_c_26")
        counted = [
            name
            for name, layer in net.named_modules()
            if isinstance(layer, nn.Conv2d) and "downsample" not in name
        ]
        assert len(counted) == 26
    x = torch.randn(1, 512, 6, 6)
    for number in (7, 8):
        stage = build("drn_c_26").get_submodule(f"layer{number}").eval()
        with torch.no_grad():
            for layer in stage.modules():
                if isinstance(layer, nn.Conv2d):
                    layer.weight.zero_()
            assert not stage(x).any()
