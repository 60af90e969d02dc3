"""Layers of a module by their path, as a user types it."""

from __future__ import annotations

import torch
from torch import nn

from edgeconv.errors import NetRefused, UnknownName


def find_layer(module: nn.Module, layer: str) -> nn.Module:
    """The submodule at a dotted path such as `features.18`.

    Raises:
        UnknownName: there is none; the message suggests near ones.
        NetRefused: it, or the net, is TorchScript.
    """
    require_open(module)
    layers = {path: child for path, child in module.named_modules(remove_duplicate=False) if path}
    if layer not in layers:
        top = ", ".join(name for name, _ in module.named_children()) or "none"
        hint = f"A layer is a module's path; the top-level ones are {top}"
        raise UnknownName("layer of the net", layer, layers, hint)
    found: nn.Module = layers[layer]
    require_open(found)
    return found


def require_open(module: nn.Module) -> None:
    """Raises NetRefused for TorchScript, which lets nobody see what its layers give."""
    if isinstance(module, torch.jit.ScriptModule):
        raise NetRefused(
            "the net, or this layer of it, is TorchScript, whose layers cannot be looked into; "
            "give the PyTorch module that it was made from"
        )
