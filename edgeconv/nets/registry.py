"""The nets edgeconv knows by name: pure data, imported by `list` and `--help` without torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgeconv.errors import UnknownName, UsageError
from edgeconv.nets.catalog import (
    alexnet,
    densenet,
    dilated,
    efficientnet,
    inception,
    mobilenet,
    mobilenet_v3,
    resnet,
    senet,
    shufflenet,
    squeezenet,
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
    shufflenet.NETS,
    efficientnet.NETS,
    squeezenet.NETS,
    resnet.NETS,
    densenet.NETS,
    senet.NETS,
    xception.NETS,
    dilated.NETS,
)

NETS: Mapping[str, NetSpec] = MappingProxyType(
    {spec.name: spec for family in _FAMILIES for spec in family}
)
"""Name -> net, families in the order they are listed."""


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


def find(name: str) -> NetSpec:
    """The net of that name.

    Raises:
        UnknownName: there is none; the message suggests near ones.
    """
    if name not in NETS:
        hint = "edgeconv list prints them all; your own module is given as path/to/file.py:factory"
        raise UnknownName("net", name, NETS, hint)
    return NETS[name]
