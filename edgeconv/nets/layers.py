"""Layers of a module by their path, as a user types it."""

from __future__ import annotations

from torch import nn

from edgeconv.errors import UnknownName


def find_layer(module: nn.Module, layer: str) -> nn.Module:
    """The submodule at a dotted path such as `features.18`.

    Raises:
        UnknownName: there is none; the message suggests near ones.
    """
    layers = {path: child for path, child in module.named_modules(remove_duplicate=False) if path}
    if layer not in layers:
        top = ", ".join(name for name, _ in module.named_children()) or "none"
        hint = f"A layer is a module's path; the top-level ones are {top}"
        raise UnknownName("layer of the net", layer, layers, hint)
    found: nn.Module = layers[layer]
    return found
