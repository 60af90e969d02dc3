"""Builds a row's net with calm random weights: `edgeconv export benchmarks/rows/build.py:build`.

Weights are the library's own initialization from a seed. What training would have moved is moved:
BatchNorm statistics are those of photos; scales that begin at or near nought (zero-initialized last
norms, LayerScale) are a half, for a branch that adds nothing tests nothing; so is the standard
deviation of class tokens and positions, which else drown in the grid of the image's tokens.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

_BENCHMARKS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_BENCHMARKS), str(_BENCHMARKS.parent)]

from idioms import IDIOMS  # noqa: E402

from edgeconv.data import builtin  # noqa: E402
from edgeconv.data.preprocessing import Preprocessing  # noqa: E402
from edgeconv.nets.torchvision_shim import import_torchvision  # noqa: E402
from rows.nets import NETS, NamedNet  # noqa: E402

# Nothing is fetched, installed or written to a home folder.
for _name, _value in {
    "HF_HUB_OFFLINE": "1",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "YOLO_CONFIG_DIR": tempfile.gettempdir(),
}.items():
    os.environ.setdefault(_name, _value)

_SMALL_SCALE, _HALF = 0.1, 0.5
_STATISTICS_PHOTOS = 8
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def build(row: str = "") -> nn.Module:
    """The net of a row, in eval mode, with its `preprocessing`; without a name, COVERAGE_ROW's."""
    row = row or os.environ["COVERAGE_ROW"]
    torch.manual_seed(0)
    if row in IDIOMS:
        net, size = IDIOMS[row]()
    else:
        named = NETS[row]
        import_torchvision()  # before a library does, which would fail beside a CPU's torch
        net, size = _LIBRARIES[named.library](named), (named.size, named.size)
    net.eval()
    _calm(net, size)
    net.preprocessing = {
        "input_size": list(size),
        "resize": max(size) + 4,
        "mean": list(_MEAN),
        "std": list(_STD),
    }
    return net


def pixels(count: int, size: tuple[int, int], split: str) -> list[NDArray[np.uint8]]:
    """Crops of edgeconv's built-in photographs, uint8 (height, width, 3); splits share none."""
    how = Preprocessing(input_size=size, resize=max(size) + 4, mean=_MEAN, std=_STD)
    return list(builtin.photos(how, count, "golden" if split == "golden" else "calibration"))


def images(count: int, size: tuple[int, int], split: str) -> torch.Tensor:
    """The same as a net takes them: normalized float32 (count, 3, height, width)."""
    values = np.stack(pixels(count, size, split)).astype(np.float32) / 255
    normalized = (values - np.float32(_MEAN)) / np.float32(_STD)
    return torch.from_numpy(np.ascontiguousarray(normalized.transpose(0, 3, 1, 2)))


def _calm(net: nn.Module, size: tuple[int, int]) -> None:
    with torch.no_grad():
        for name, value in net.named_parameters():
            if not name.endswith("bias") and value.numel() > 1:
                _enlarge(value, is_weight=name.endswith("weight"))
        _set_statistics(net, size)


def _enlarge(value: torch.Tensor, *, is_weight: bool) -> None:
    """Scales, and tokens and positions with a leading axis of 1, that begin at or near nought."""
    first = value.flatten()[0]
    if value.ndim != 2 and bool((value == first).all()):
        if first.abs() < _SMALL_SCALE:
            value.fill_(_HALF)
    elif not is_weight and value.ndim > 2 and len(value) == 1 and value.std() < _SMALL_SCALE:
        value.mul_(_HALF / value.std())


def _set_statistics(net: nn.Module, size: tuple[int, int]) -> None:
    """Runs the net on images with every BatchNorm, and nothing else, in training mode."""
    net = getattr(net, "_orig_mod", net)  # a compiled net would be compiled for training
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    norms = [m for m in norms if m.track_running_stats]
    if not norms:
        return
    given = images(_STATISTICS_PHOTOS, size, "calibration").to(next(net.parameters()).dtype)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    try:
        net(given)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


def _timm(net: NamedNet) -> nn.Module:
    import timm

    return timm.create_model(net.name, pretrained=False, **net.options)


def _torchvision(net: NamedNet) -> nn.Module:
    models = import_torchvision().models
    if net.name in models.list_models():
        options: dict[str, Any] = {"weights": None}
        options |= {"init_weights": True} if net.name == "googlenet" else {}
        options |= {"weights_backbone": None} if "_mobilenet_v3_l" in net.name else {}
        options |= {"weights_backbone": None} if "_resnet" in net.name else {}
        return models.get_model(net.name, **options, **net.options)
    raise SystemExit(f"torchvision has no {net.name}")


def _ultralytics(net: NamedNet) -> nn.Module:
    import ultralytics

    family = ultralytics.RTDETR if net.name.startswith("rtdetr") else ultralytics.YOLO
    module = family(f"{net.name}.yaml").model.float()
    module.model[-1].export = True  # boxes and scores, without the maps that training reads
    return module


def _smp(net: NamedNet) -> nn.Module:
    import segmentation_models_pytorch as smp

    decoder, encoder = net.name.split("/")
    return getattr(smp, decoder)(encoder, encoder_weights=None, **net.options)


def _pytorchcv(net: NamedNet) -> nn.Module:
    from pytorchcv.model_provider import get_model

    return get_model(net.name, pretrained=False, **net.options)


def _vit_pytorch(net: NamedNet) -> nn.Module:
    import vit_pytorch
    from vit_pytorch.cct import CCT

    if net.name == "CCT":
        return CCT(img_size=net.size, embedding_dim=64, num_layers=2, num_heads=2, num_classes=10)
    sizes = {"image_size": net.size, "patch_size": 8, "num_classes": 10}
    return getattr(vit_pytorch, net.name)(**sizes, dim=64, depth=2, heads=4, mlp_dim=128)


_LIBRARIES: Mapping[str, Callable[[NamedNet], nn.Module]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "ultralytics": _ultralytics,
    "smp": _smp,
    "pytorchcv": _pytorchcv,
    "vit_pytorch": _vit_pytorch,
}
