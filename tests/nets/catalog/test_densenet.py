"""DenseNet is torchvision's; DenseNet-264, which torchvision lacks, is the paper's."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import nn

from edgeconv.nets.apply_state import apply_state
from edgeconv.nets.densenet import DenseNet
from tests.nets.catalog.oracle import assert_same_net, build

DEPTHS = (121, 161, 169, 201)


@pytest.mark.parametrize(
    "depth", [121, *(pytest.param(depth, marks=pytest.mark.slow) for depth in DEPTHS[1:])]
)
def test_a_torchvision_state_dict_gives_the_same_logits(
    depth: int, torchvision: ModuleType
) -> None:
    theirs = getattr(torchvision.models, f"densenet{depth}")(num_classes=10)
    assert_same_net(build(f"densenet{depth}"), theirs)


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_tensor_has_torchvisions_name_and_shape(depth: int, torchvision: ModuleType) -> None:
    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"densenet{depth}")(num_classes=10).state_dict()
        ours = build(f"densenet{depth}").state_dict()
    assert {key: tensor.shape for key, tensor in ours.items()} == {
        key: tensor.shape for key, tensor in theirs.items()
    }


def test_a_narrow_net_gives_torchvisions_logits(torchvision: ModuleType) -> None:
    theirs = torchvision.models.DenseNet(4, (3, 4, 6, 5), 8, num_classes=10)
    assert_same_net(DenseNet((3, 4, 6, 5), 4, 8, 10).eval(), theirs)


@pytest.mark.parametrize(
    ("depth", "layers"),
    [(121, 121), (169, 169), (201, 201), (264, 265)],  # Table 1's last column adds up to 265
)
def test_layers_are_as_many_as_the_papers_table_says(depth: int, layers: int) -> None:
    with torch.device("meta"):
        net = build(f"densenet{depth}")
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules()) == layers


def test_densenet264_has_the_blocks_of_the_papers_table() -> None:
    with torch.device("meta"):
        keys = build("densenet264").state_dict()
    blocks = [{key.split(".")[2] for key in keys if f"denseblock{n}." in key} for n in (1, 2, 3, 4)]
    assert [len(layers) for layers in blocks] == [6, 12, 64, 48]


def test_published_files_are_read_though_their_keys_are_older(torchvision: ModuleType) -> None:
    torch.manual_seed(3)
    theirs = torchvision.models.DenseNet(4, (2, 2, 2, 2), 8, num_classes=10).eval()
    old = {
        name.replace("norm1.", "norm.1.")
        .replace("norm2.", "norm.2.")
        .replace("conv1.", "conv.1.")
        .replace("conv2.", "conv.2."): tensor
        for name, tensor in theirs.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    ours = DenseNet((2, 2, 2, 2), 4, 8, 10).eval()
    apply_state(ours, old, "densenet.pth", "densenet")
    photo = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(ours(photo), theirs(photo), atol=1e-6)


def test_no_concat_joins_more_than_two_tensors() -> None:
    program = torch.export.export(
        DenseNet((2, 3, 2, 2), 4, 8, 10).eval(), (torch.zeros(1, 3, 64, 64),)
    )
    joined = [
        len(node.args[0]) for node in program.graph.nodes if str(node.target) == "aten.cat.default"
    ]
    assert joined == [2] * 9
