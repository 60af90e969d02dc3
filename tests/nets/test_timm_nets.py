"""Nets of timm by name, with a small package in timm's place that has its documented interface.

That timm itself prepares photos alike, `timm.data.create_transform` against `crop_pixels` and
`normalize`, is tried where timm is installed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import edgeconv
from edgeconv.data.preprocessing import Preprocessing, crop_pixels, normalize
from edgeconv.errors import NetRefused, UnavailableError, UnknownName, UsageError
from edgeconv.nets.load import load_net

IS_INSTALLED = importlib.util.find_spec("timm") is not None
PACKAGE = """
from torch import nn
__version__ = "1.0"
CONFIG = {
    "input_size": (3, 32, 32), "crop_pct": 0.875, "crop_mode": "center", "interpolation": "bicubic",
    "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.25),
}
CONFIGS = {
    "tiny": {}, "tiny.in1k": {}, "whole": {"crop_mode": "squash", "crop_pct": 1.0},
    "border": {"crop_mode": "border"}, "grey": {"input_size": (1, 32, 32)},
    "share": {"crop_mode": "squash", "crop_pct": 0.9}, "lanczos": {"interpolation": "lanczos"},
}
def is_model(name): return name in CONFIGS
def list_models(): return list(CONFIGS)
def create_model(model_name, pretrained=False, num_classes=1000, width=4):
    if pretrained and model_name == "whole":
        raise OSError("no network\\nadvice")
    net = nn.Sequential(
        nn.Conv2d(3, width, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(width, num_classes),
    )
    net.num_classes = num_classes
    net.pretrained_cfg = {"hf_hub_id": "timm/tiny.in1k", "license": "apache-2.0"}
    net.data_config = CONFIG | CONFIGS[model_name]
    if pretrained:
        nn.init.constant_(net[0].weight, 0.25)
    return net
"""
DATA = "def resolve_model_data_config(model): return model.data_config\n"


@pytest.fixture(autouse=True)
def _stand_in(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.originalname == "test_photos_are_prepared_as_by_timm_itself":
        return
    (tmp_path / "timm" / "data").mkdir(parents=True)
    (tmp_path / "timm" / "__init__.py").write_text(PACKAGE)
    (tmp_path / "timm" / "data" / "__init__.py").write_text(DATA)
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("timm", "timm.data"):  # so that what is imported here is forgotten afterwards
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]


def test_a_net_has_the_preprocessing_that_timm_states() -> None:
    net = load_net("timm:tiny")
    assert net.name == "tiny"
    assert net.preprocessing == Preprocessing(
        (32, 32), 36, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25), "bicubic"
    )
    assert not net.trained
    assert net.labels is None
    assert "--weights pretrained" in str(net.weights.note)
    assert load_net("timm:whole").preprocessing.resize == "stretch"
    assert load_net("timm:tiny", input_size=(64, 64)).preprocessing.resize == 72


def test_published_weights_are_downloaded_where_they_are_asked_for() -> None:
    net = load_net("timm:tiny.in1k", weights="pretrained")
    assert net.trained
    assert all((value == 0.25).all() for value in [net.module[0].weight])  # type: ignore[index]  # a Sequential
    assert net.labels is not None
    assert net.labels[:2] == ("tench", "goldfish")
    assert net.weights.kind == "pretrained"
    assert (net.weights.source, net.weights.license) == ("timm/tiny.in1k", "apache-2.0")


def test_weights_of_a_file_and_options(tmp_path: Path) -> None:
    made = load_net("timm:tiny", classes=7, net_options={"width": 6}, seed=3).module
    torch.save(made.state_dict(), tmp_path / "w.pth")
    options = {"classes": 7, "net_options": {"width": 6}}
    net = load_net("timm:tiny", weights=str(tmp_path / "w.pth"), **options)  # type: ignore[arg-type]  # as there
    assert net.trained
    assert net.labels is None
    x = torch.ones(1, 3, 32, 32)
    assert torch.equal(net.module(x), made(x))


def test_a_net_is_exported(tmp_path: Path) -> None:
    options = edgeconv.ExportOptions(formats=("onnx",), weights="pretrained")
    bundle = edgeconv.export_bundle("timm:tiny", options, out=tmp_path / "out")
    assert bundle.parity_passed
    assert bundle.manifest["preprocessing"]["resize"] == 36
    assert bundle.labels is not None


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("tinny", {}, UnknownName, "tinny is no net of timm; did you mean tiny"),
        ("hf-hub:timm/tiny", {}, UnknownName, "no net of timm"),
        ("border", {}, NetRefused, "crop_mode=border.*FILE:FACTORY"),
        ("share", {}, NetRefused, "crop_pct=0.9"),
        ("lanczos", {}, NetRefused, "interpolation=lanczos"),
        ("grey", {}, NetRefused, "1 channels"),
        ("tiny", {"weights": "pretrained", "classes": 3}, UsageError, "leave --classes out"),
        ("whole", {"weights": "pretrained"}, UnavailableError, "no network; fetch"),
        ("tiny", {"net_options": {"depth": 3}}, NetRefused, "unexpected keyword argument 'depth'"),
    ],
)
def test_what_cannot_be_is_refused(
    name: str, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        load_net(f"timm:{name}", **options)  # type: ignore[arg-type]  # as there


def test_without_timm_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UnavailableError, match="pip install timm"):
        edgeconv.export_bundle("timm:tiny", out=tmp_path / "out")


@pytest.mark.skipif(not IS_INSTALLED, reason="timm is not installed")
@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "resnet10t"])
def test_photos_are_prepared_as_by_timm_itself(name: str) -> None:
    ours = load_net(f"timm:{name}").preprocessing
    import timm  # type: ignore[import-not-found,unused-ignore]  # not everywhere
    from timm.data import create_transform, resolve_model_data_config  # type: ignore[import-not-found,unused-ignore]  # likewise

    pixels = np.random.default_rng(0).integers(0, 256, (300, 433, 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    config = resolve_model_data_config(timm.create_model(name))
    theirs = create_transform(**config, is_training=False)(photo).numpy()
    assert np.array_equal(normalize(crop_pixels(photo, ours), ours), theirs)
