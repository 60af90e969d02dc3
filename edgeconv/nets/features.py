"""A net cut off behind one of its layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from edgeconv.errors import UsageError
from edgeconv.nets.layers import find_layer

#: What the output of a feature extractor is called in a graph.
OUTPUT_NAME = "features"


def feature_extractor(module: nn.Module, layer: str) -> nn.Module:
    """Makes a module give what one of its layers gives, instead of its own output.

    The module is changed, not wrapped, so that every layer keeps its path and the tensors of an
    exported graph their names. It still runs to its end; a capture leaves out what the features do
    not need. A layer that is called several times gives its last result.

    Args:
        module: any module; user modules too.
        layer: path of a submodule, such as `features.18` or `layer4`.

    Returns:
        The same module.

    Raises:
        UnknownName: the module has no such layer.
        UsageError: (when the module is run) the layer is not used, or does not give one tensor.
    """
    caught: list[Tensor] = []

    def forget(_module: nn.Module, _args: Any) -> None:
        caught.clear()

    def keep(_module: nn.Module, _args: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise UsageError(
                f"layer {layer} gives a {type(output).__name__}; features are one tensor, so "
                "choose a layer inside or before it"
            )
        # A copy: what follows may overwrite the tensor in place.
        caught[:] = [output.clone()]

    def replace(_module: nn.Module, _args: Any, _output: Any) -> Tensor:
        if not caught:
            raise UsageError(f"layer {layer} is not used when the net runs; choose another one")
        return caught.pop()

    find_layer(module, layer).register_forward_hook(keep)
    module.register_forward_pre_hook(forget)
    module.register_forward_hook(replace)
    return module
