"""Nets of timm by name, `timm:NAME`: built by timm, with the preprocessing that timm states.

timm is no dependency; whoever names such a net has it installed. Its published weights are
downloaded by timm itself, and only where `--weights pretrained` asks for them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from edgeconv.data.preprocessing import Preprocessing, Stretch
from edgeconv.errors import NetRefused, UnknownName, UsageError, WeightsUnavailable
from edgeconv.nets.handed_over import HandedOver
from edgeconv.nets.labels import categories
from edgeconv.nets.registry import TIMM, require_timm
from edgeconv.nets.user_code import run_user_code
from edgeconv.nets.weights import WeightsInfo

NOT_DOWNLOADED = (
    "its published weights are downloaded where --weights pretrained asks for them; --weights "
    "FILE.safetensors or FILE.pth gives trained ones, too"
)


def timm_net(target: str, *, pretrained: bool) -> HandedOver:
    """What makes a net of timm's.

    Its module has `preprocessing`, and `labels` where it tells the classes of ImageNet-1k apart.

    Args:
        target: "timm:NAME".
        pretrained: whether it has timm's published weights.

    Raises:
        UnavailableError: timm is not installed.
        UnknownName: timm has no such net.
    """
    require_timm(target)
    # It imports torchvision, which may have to be mended first.
    timm = run_user_code(lambda: importlib.import_module("timm"), target)
    name = target.removeprefix(TIMM)
    if not timm.is_model(name):
        hint = "python -c 'import timm; print(timm.list_models())' prints them all"
        raise UnknownName("net of timm", name, timm.list_models(), hint)

    def make(num_classes: int | None = None, **options: Any) -> nn.Module:
        if pretrained:
            _require_published_head(target, num_classes)
            module = _downloaded(target, name, options)
        else:
            stated = {} if num_classes is None else {"num_classes": num_classes}
            module = timm.create_model(name, pretrained=False, **stated, **options)
        says = vars(module)  # where load_user_net looks for what a net says itself
        says["preprocessing"] = _preprocessing(module, target)
        names = categories("imagenet1k")
        if getattr(module, "num_classes", None) == len(names):
            says["labels"] = names
        return module

    return HandedOver(make, name, target)


def published_info(module: nn.Module, target: str) -> WeightsInfo:
    """What a manifest says of weights that timm downloaded."""
    stated: Mapping[str, Any] = getattr(module, "pretrained_cfg", {})
    source = stated.get("hf_hub_id") or stated.get("url") or target
    return WeightsInfo(kind="pretrained", source=str(source), license=stated.get("license"))


def _require_published_head(target: str, classes: int | None) -> None:
    """timm would put a classifier of random values behind trained layers."""
    if classes is not None:
        raise UsageError(
            f"weights of {target} are published for the net's own classes; leave --classes out, or "
            "give --weights FILE of a net trained for others"
        )


def _downloaded(target: str, name: str, options: Mapping[str, Any]) -> nn.Module:
    timm = importlib.import_module("timm")
    try:
        module: nn.Module = timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # of timm, of the hub's client, of the network
        words = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WeightsUnavailable(
            f"timm gives no published weights for {target}: {words}; fetch them elsewhere and give "
            "--weights FILE"
        ) from error
    return module


def _preprocessing(module: nn.Module, target: str) -> Preprocessing:
    """As timm prepares photos for it; see `timm.data.create_transform`."""
    config = importlib.import_module("timm.data").resolve_model_data_config(module)
    channels, height, width = config["input_size"]
    if channels != 3:
        raise NetRefused(f"{target} takes images of {channels} channels; edgeconv gives it RGB")
    share, mode = config["crop_pct"], config.get("crop_mode", "center")
    resize: int | Stretch | None = None
    if mode == "squash" and share == 1:
        resize = "stretch"
    elif mode == "center" and height == width:
        resize = math.floor(height / share)
    if resize is None or config["interpolation"] not in ("bilinear", "bicubic"):
        raise NetRefused(
            f"timm prepares photos for {target} by crop_mode={mode}, crop_pct={share:g}, "
            f"interpolation={config['interpolation']} at {height} x {width}, which edgeconv "
            "cannot; build the net in a file of your own (FILE:FACTORY) that states what it needs"
        )
    return Preprocessing(
        input_size=(height, width),
        resize=resize,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=config["interpolation"],
    )
