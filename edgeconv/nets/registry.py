"""The nets edgeconv knows by name: pure data, imported by `list` and `--help` without torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgeconv.errors import UnavailableError, UnknownName, UsageError
from edgeconv.nets.catalog import (
    alexnet,
    densenet,
    dilated,
    efficientnet,
    inception,
    mnasnet,
    mobilenet,
    mobilenet_v3,
    resnet,
    segmentation,
    senet,
    shufflenet,
    squeezenet,
    ssdlite,
    vgg,
    xception,
)
from edgeconv.nets.spec import NetSpec

_FAMILIES = (
    alexnet.NETS,
    vgg.NETS,
    inception.NETS,
    mobilenet.NETS,
    mobilenet_v3.NETS,
    mnasnet.NETS,
    shufflenet.NETS,
    efficientnet.NETS,
    squeezenet.NETS,
    resnet.NETS,
    densenet.NETS,
    senet.NETS,
    xception.NETS,
    dilated.NETS,
    segmentation.NETS,
    ssdlite.NETS,
)

NETS: Mapping[str, NetSpec] = MappingProxyType(
    {spec.name: spec for family in _FAMILIES for spec in family}
)
"""Name -> net, families in the order they are listed."""


#: Before the name of a net that timm builds.
TIMM = "timm:"


def require_timm(target: str) -> None:
    """Raises UnavailableError where a net of timm's is named and timm is not installed."""
    if importlib.util.find_spec("timm") is None:
        raise UnavailableError(
            f"{target} is built by timm, which is not installed: pip install timm"
        )


def is_onnx_file(target: str) -> bool:
    """Whether a command's NET is the path of an ONNX file."""
    return target.lower().endswith(".onnx")


def is_program_file(target: str) -> bool:
    """Whether a command's NET is the path of a program of torch.export."""
    return target.lower().endswith(".pt2")


def spec_of(target: str) -> NetSpec | None:
    """The net that a command's NET names; None where it is code of the user's own.

    Raises:
        UnknownName: it is no name, and no FILE:FACTORY either.
        UsageError: a file of the user's without what to build.
    """
    if ":" in target:
        return None
    if target.endswith(".py"):
        raise UsageError(f"{target} does not say what to build; give {target}:FACTORY")
    return find(target)


def check_target(
    target: str, net_options: Mapping[str, Any], input_size: tuple[int, int] | None = None
) -> None:
    """What can be said of a command's NET without building it.

    Args:
        target: a name of the registry, "path/to/file.py:factory", "package.module:factory" or
            "timm:NAME".
        net_options: options of the net, of a registry's net alone checked here.
        input_size: (height, width) in pixels; None where it comes from elsewhere.

    Raises:
        UnknownName: there is no such net, or it has no such option.
        UsageError: an option's value or the size cannot be, or there is no such file.
        UnavailableError: timm is not installed.
    """
    spec = spec_of(target)
    if spec is not None:
        options = spec.resolve_options(net_options)
        if input_size is not None:
            spec.require_size(input_size, options)
        return
    if target.startswith(TIMM):
        require_timm(target)
    place, _, factory = target.rpartition(":")
    if not place or not factory:
        raise UsageError(f"{target} is not path/to/file.py:factory or package.module:factory")
    if place.endswith(".py") and not Path(place).is_file():
        raise UsageError(f"{place}: there is no such file")


def find(name: str) -> NetSpec:
    """The net of that name.

    Raises:
        UnknownName: there is none; the message suggests near ones.
    """
    if not name:
        raise UsageError("an empty name is no net; edgeconv list prints them all")
    if name not in NETS and Path(name).exists():
        kind = "directory" if Path(name).is_dir() else "file"
        raise UsageError(
            f"{name} is a {kind}, no net; give a net's name (edgeconv list prints them all) or "
            "path/to/file.py:factory; export takes the path of an ONNX file or a .pt2 program, too"
        )
    if name not in NETS:
        hint = "edgeconv list prints them all; your own module is given as path/to/file.py:factory"
        raise UnknownName("net", name, NETS, hint)
    return NETS[name]
