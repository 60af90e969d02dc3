"""Finds where a module decides by the values of a tensor.

A trace records one path through the module: `if x.mean() > 0:` would be frozen as it happened to go
for the example. Deciding by a *shape* is harmless, for shapes are static. The tracer warns of both
alike; here the tensors that depend on the input are followed instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from edgeconv.errors import NetRefused
from edgeconv.export.capture.calls import place
from edgeconv.nets.running import Given, each, forward, tensors_of

_MARK = "_edgeconv_depends_on_input"

#: What turns a tensor's values into Python's.
_READS: Mapping[Any, str] = {
    torch.Tensor.__bool__: "a Python truth value",
    torch.Tensor.__int__: "a Python integer",
    torch.Tensor.__float__: "a Python float",
    torch.Tensor.__index__: "a Python index",
    torch.Tensor.item: "a Python number",
    torch.Tensor.tolist: "a Python list",
    torch.Tensor.numpy: "a NumPy array",
    torch.ops.aten.item.default: "a Python number",  # as programs of torch.export read it
    torch.ops.aten._local_scalar_dense.default: "a Python number",
}


class DataFlow(TorchFunctionMode):
    """While active, every tensor computed from a marked one is marked; reading one's values raises.

    Raises:
        NetRefused: names the line that read the values, and what it made of them.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function."""
        kwargs = kwargs or {}
        depends = any(getattr(t, _MARK, False) for t in tensors_of((args, kwargs)))
        if depends and func in _READS:
            raise NetRefused(
                f"the net turns a tensor that depends on its input into {_READS[func]} at "
                f"{place()}; a static graph can hold one path only. Replace the Python decision "
                "by arithmetic on tensors (torch.clamp, a product with a sigmoid), or move it out "
                "of the net"
            )
        if func is torch.Tensor.__getitem__ and any(map(_is_marked_mask, tensors_of(args[1:]))):
            raise NetRefused(
                f"the net takes the values that a mask picks at {place()}, and the mask depends on "
                "its input: how many they are would depend on it too. Keep all values and use "
                "torch.where, or multiply by the mask"
            )
        result = func(*args, **kwargs)
        if depends:
            for tensor in tensors_of(result):
                setattr(tensor, _MARK, True)
        return result


def _is_marked_mask(tensor: torch.Tensor) -> bool:
    return tensor.dtype == torch.bool and getattr(tensor, _MARK, False)


def run_followed(module: torch.nn.Module, example: Given, name: str) -> Any:
    """What the module called `name` gives for a copy of the example.

    Raises:
        NetRefused: see DataFlow; or the module failed.
    """
    marked = [tensor.clone() for tensor in each(example)]
    for tensor in marked:
        setattr(tensor, _MARK, True)
    with DataFlow():
        return forward(module, marked, name)
