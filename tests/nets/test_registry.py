"""The registry is plain data, and what it states is what the publishers state."""

from __future__ import annotations

import math
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from edgeconv.errors import UnknownName, UsageError
from edgeconv.nets.labels import categories
from edgeconv.nets.registry import NETS, find
from edgeconv.nets.spec import NetOption

PRETRAINED = [name for name, spec in NETS.items() if spec.pretrained]
CLASSIFIERS = [name for name in PRETRAINED if NETS[name].task == "classification"]
OF_OTHER_TASKS = [name for name in PRETRAINED if name not in CLASSIFIERS]
# torchvision maps their pixels to -1..1 inside the net; see test_inception.py.
TRANSFORMED_INSIDE = ("googlenet", "inception_v3")
# torchvision counts a classifier that only training runs; see test_inception.py.
WITH_AUXILIARY = ("inception_v3",)


def test_the_registry_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'torchvision', 'PIL', 'onnx', 'safetensors'}"
    code = f"import sys, edgeconv.nets.registry; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_wrong_name_suggests_near_ones() -> None:
    with pytest.raises(UnknownName, match=r"mobilenet_v9 is no net; did you mean .*mobilenet_v2"):
        find("mobilenet_v9")


@pytest.mark.parametrize("name", NETS)
def test_every_figure_says_where_it_stands(name: str) -> None:
    spec = find(name)
    for facts in (spec.facts, *(facts for _, facts in spec.variants)):
        given = {"parameters", "multiply_adds"}
        given |= {key for key in ("top1", "top5") if getattr(facts, key) is not None}
        given |= set(facts.metrics)
        assert given <= set(facts.sources)
        assert "https://arxiv.org/abs/" in facts.paper


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("mobilenet_v2", "torchvision MobileNet_V2_Weights.IMAGENET1K_V2"),
        ("xception", "the paper's Table 1"),
        ("efficientnet_lite0", "TensorFlow TPU models"),
        (
            "fcn_resnet50",
            "torchvision FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
        ),
        ("dilated_vgg16_frontend", None),
    ],
)
def test_an_accuracy_says_shortly_who_states_it(name: str, where: str | None) -> None:
    assert find(name).facts.accuracy_stated_by == where


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_published_weights_are_as_torchvision_states_them(
    name: str, torchvision: ModuleType
) -> None:
    spec = find(name)
    weights = _default_weights(torchvision, name)
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    transform = weights.transforms()
    pretrained = spec.pretrained
    assert pretrained is not None
    assert pretrained.url == weights.url
    assert pretrained.sha256_prefix in pretrained.url
    assert pretrained.preprocessing == spec.preprocessing
    assert [pretrained.preprocessing.resize] == transform.resize_size
    assert {*pretrained.preprocessing.input_size} == {*transform.crop_size}
    assert pretrained.preprocessing.interpolation == transform.interpolation.value
    if name not in TRANSFORMED_INSIDE:
        assert list(pretrained.preprocessing.mean) == transform.mean
        assert list(pretrained.preprocessing.std) == transform.std
    assert (spec.facts.top1, spec.facts.top5) == (metrics["acc@1"], metrics["acc@5"])
    if name not in WITH_AUXILIARY:
        assert spec.facts.parameters == weights.meta["num_params"]
    # They are rounded to a million there.
    assert math.isclose(spec.facts.multiply_adds, weights.meta["_ops"] * 1e9, abs_tol=0.5e6)


@pytest.mark.parametrize("name", OF_OTHER_TASKS)
def test_published_weights_of_other_tasks_are_as_torchvision_states_them(
    name: str, torchvision: ModuleType
) -> None:
    spec = find(name)
    weights = _default_weights(torchvision, name)
    (metrics,) = weights.meta["_metrics"].values()
    assert spec.pretrained is not None
    assert spec.labels is not None
    assert spec.pretrained.url == weights.url
    assert spec.pretrained.sha256_prefix in spec.pretrained.url
    assert spec.pretrained.preprocessing == spec.preprocessing
    assert [*spec.facts.metrics.values()] == [*metrics.values()]
    assert categories(spec.labels) == tuple(weights.meta["categories"])
    assert spec.classes == len(weights.meta["categories"])
    theirs = _made(torchvision, name)
    training_only = getattr(theirs, "aux_classifier", None) or ()
    training = sum(tensor.numel() for part in training_only for tensor in part.parameters())
    assert spec.facts.parameters == weights.meta["num_params"] - training
    if training:
        assert "counted from the definition" in spec.facts.sources["parameters"]
    else:
        counted = weights.meta["_ops"] * 1e9
        assert math.isclose(spec.facts.multiply_adds, counted, abs_tol=0.5e6)


@pytest.mark.parametrize("name", OF_OTHER_TASKS)
def test_photos_are_prepared_as_torchvision_does_for_other_tasks(
    name: str, torchvision: ModuleType
) -> None:
    published = find(name).preprocessing
    if find(name).task == "segmentation":
        theirs = _default_weights(torchvision, name).transforms()
        assert [published.resize] == theirs.resize_size
        assert {*published.input_size} == {published.resize}
        assert published.interpolation == theirs.interpolation.value
        mean, std = theirs.mean, theirs.std
    else:
        inside = _made(torchvision, name).transform
        assert published.resize == "stretch"
        assert published.input_size == inside.fixed_size
        mean, std = inside.image_mean, inside.image_std
    assert ([*published.mean], [*published.std]) == (mean, std)


def _made(torchvision: ModuleType, name: str) -> Any:
    """torchvision's net as its weights need it, without values."""
    meta = _default_weights(torchvision, name).meta
    auxiliary = {"aux_loss": True} if name.startswith(("deeplab", "fcn")) else {}
    with torch.device("meta"):
        return torchvision.models.get_model(
            name,
            weights=None,
            weights_backbone=None,
            num_classes=len(meta["categories"]),
            **auxiliary,
        )


def _default_weights(torchvision: ModuleType, name: str) -> Any:
    return torchvision.models.get_model_weights(name).DEFAULT


def test_the_class_names_are_torchvisions(torchvision: ModuleType) -> None:
    theirs = _default_weights(torchvision, "resnet18").meta["categories"]
    assert categories("imagenet1k") == tuple(theirs)


def test_an_option_a_net_lacks_names_those_it_has() -> None:
    with pytest.raises(
        UnknownName, match=r"widht is no option of mobilenet_v2; did you mean width"
    ):
        find("mobilenet_v2").resolve_options({"widht": 1})


def test_a_net_without_options_says_so() -> None:
    with pytest.raises(UnknownName, match="resnet18 has these options: none"):
        find("resnet18").resolve_options({"width": 1})


def test_options_from_a_command_line_are_text() -> None:
    spec = find("mobilenet_v1")
    expected = {"width": 0.5, "padding": "same"}
    assert spec.resolve_options({"width": "0.5", "padding": "same"}) == expected


@pytest.mark.parametrize(
    "value",
    ["wide", "nan", "inf", 99, 0, -1, True, None, [1.0], "", float("nan"), 10**400],
    ids=lambda value: str(value)[:8],
)
def test_a_width_that_cannot_be_is_refused_with_what_can(value: object) -> None:
    with pytest.raises(UsageError, match=r"width is a number from 0\.1 to 2"):
        find("mobilenet_v2").resolve_options({"width": value})


@pytest.mark.parametrize("value", ["SAME", "valid", 1, None, ["same"]])
def test_a_padding_that_cannot_be_is_refused_with_what_can(value: object) -> None:
    with pytest.raises(UsageError, match="padding is one of symmetric, same"):
        find("mobilenet_v1").resolve_options({"padding": value})


def test_integers_and_flags_are_read_as_such() -> None:
    groups = NetOption(int, 3, "groups", allowed=(1, 2, 3))
    flag = NetOption(bool, False, "minimalistic")
    assert groups.parse("groups", "2") == 2
    assert flag.parse("minimalistic", "true") is True
    for wrong in ("2.5", "4", True):
        with pytest.raises(UsageError, match="groups is one of 1, 2, 3"):
            groups.parse("groups", wrong)
    with pytest.raises(UsageError, match="minimalistic"):
        flag.parse("minimalistic", 1)


def test_facts_belong_to_the_options_they_were_published_for() -> None:
    spec = find("mobilenet_v2")
    assert spec.facts_for({}) is spec.facts
    assert spec.facts_for({"width": 1.4}) is not spec.facts
    assert spec.facts_for({"width": 0.6}) is None
