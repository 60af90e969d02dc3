"""VGG is torchvision's, whatever the photo's size, and scores larger photos place by place."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.nn import functional

from edgeconv.errors import UsageError, WeightsRefused
from edgeconv.nets import grid_classifier
from edgeconv.nets.grid_classifier import GridPool
from edgeconv.nets.load import load_net
from edgeconv.nets.registry import find
from edgeconv.nets.weights import why_unpublished
from tests.nets.catalog.filling import assert_same_filled_net, unfilled
from tests.nets.catalog.oracle import build

NAMES = [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")]


@pytest.mark.parametrize("name", NAMES)
def test_a_torchvision_state_dict_loads_strictly_and_gives_the_same_logits(
    name: str, torchvision: ModuleType
) -> None:
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(num_classes=10)
    assert_same_filled_net(unfilled(name), theirs, (64, 96))


@pytest.mark.parametrize("side", [*range(1, 16), 21, 28])
def test_the_grid_pool_is_pytorchs_adaptive_pool(side: int) -> None:
    for grid in (6, 7):
        maps = torch.randn(2, 3, side, side * 5 // 4)
        expected = functional.adaptive_avg_pool2d(maps, grid)
        assert torch.allclose(GridPool(grid)(maps), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "called"),
    [
        ((7, 7), set()),
        ((14, 14), {"aten.avg_pool2d.default"}),
        ((8, 8), {"aten.avg_pool2d.default"}),
        ((14, 8), {"aten.avg_pool2d.default"}),
        ((7, 9), {"aten.slice.Tensor", "aten.mean.dim", "aten.cat.default"}),
    ],
)
def test_the_grid_pool_is_captured_as_operators_of_fixed_size(
    size: tuple[int, int], called: set[str]
) -> None:
    program = torch.export.export(GridPool(7), (torch.zeros(1, 3, *size),))
    targets = {str(n.target) for n in program.graph.nodes if n.op == "call_function"}
    assert {t.replace("narrow.default", "slice.Tensor") for t in targets} == called


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden layers of 32 instead of 4,096."""
    for module in ("vgg", "alexnet"):
        monkeypatch.setattr(f"edgeconv.nets.{module}.HIDDEN", 32)
    assert grid_classifier.HIDDEN == 4096


@pytest.mark.parametrize(("name", "side"), [("vgg11_bn", 224), ("alexnet", 224), ("alexnet", 223)])
@pytest.mark.usefixtures("narrow")
def test_at_the_published_size_fully_convolutional_changes_nothing(name: str, side: int) -> None:
    plain = build(name)
    convolutional = build(name, fully_convolutional=True)
    convolutional.load_state_dict(plain.state_dict(), strict=True)
    photo = torch.randn(1, 3, side, side)
    with torch.inference_mode():
        expected = plain(photo)
        assert torch.allclose(
            convolutional(photo), expected, atol=1e-5 * float(expected.abs().max())
        )


@pytest.mark.usefixtures("narrow")
def test_a_larger_photo_is_scored_wherever_the_net_fits() -> None:
    plain = build("vgg11")
    convolutional = build("vgg11", fully_convolutional=True)
    convolutional.load_state_dict(plain.state_dict())
    maps = torch.randn(1, 512, 8, 9)
    with torch.inference_mode():
        scores = convolutional.classifier(maps)
        for row in range(2):
            for column in range(3):
                window = maps[:, :, row : row + 7, column : column + 7]
                expected = plain.classifier(window.flatten(1))
                assert torch.allclose(scores[:, :, row, column], expected, atol=1e-4)
        convolutional.features = nn.Identity()
        assert torch.allclose(convolutional(maps), scores.mean((2, 3)), atol=1e-5)


@pytest.mark.usefixtures("narrow")
def test_fully_convolutional_values_load_back_into_fully_connected_layers() -> None:
    plain = build("vgg11")
    convolutional = build("vgg11", fully_convolutional=True)
    plain.load_state_dict(convolutional.state_dict(), strict=True)
    weight = convolutional.classifier[0].weight
    assert torch.equal(plain.classifier[0].weight, weight.flatten(1))


def test_a_photo_smaller_than_the_classifier_is_wrong_usage() -> None:
    for name, least in (("vgg16", 224), ("alexnet", 223)):
        says = f"{name} with fully_convolutional=True cannot take 192 x 256 pixels; .* {least}"
        with pytest.raises(UsageError, match=says):
            load_net(
                name,
                weights="random",
                net_options={"fully_convolutional": True},
                input_size=(192, 256),
            )


def test_published_weights_serve_the_fully_convolutional_net_too() -> None:
    spec = find("vgg16")
    options = spec.resolve_options({"fully_convolutional": "true"})
    assert why_unpublished(spec, options, None, 1000) is None
    assert spec.facts_for(options) is spec.facts


@pytest.mark.usefixtures("narrow")
def test_a_weights_file_serves_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    state = build("vgg11").state_dict()
    torch.save(state, path)
    options = {"fully_convolutional": True}
    net = load_net("vgg11", weights=str(path), net_options=options)
    assert net.module.classifier[0].weight.shape == (32, 512, 7, 7)
    assert net.module.classifier[6].weight.shape == (10, 32, 1, 1)
    state["classifier.3.weight"] = torch.zeros(32, 31)
    torch.save(state, path)
    with pytest.raises(WeightsRefused, match=r"classifier\.3\.weight is \(32, 31\) in the file"):
        load_net("vgg11", weights=str(path), net_options=options)
