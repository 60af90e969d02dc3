"""Functions that PyTorch's exporter has no operator for, by those that PyTorch runs for them.

Many of them are compositions: a trapezoid is a sum of products, a quantile a sort and a gather. A
trace records the function's name alone; here it records what is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch._decomp import decomposition_table
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode


def has_composition(name: str) -> bool:
    """Whether PyTorch says of what an operator such as "trapezoid" is composed."""
    packet = getattr(torch.ops.aten, name, None)
    return packet is not None and any(
        _composition(getattr(packet, overload)) is not None for overload in packet.overloads()
    )


class Composites(TorchFunctionMode):
    """While active, calls of some operators run what they are composed of."""

    def __init__(self, names: frozenset[str]) -> None:
        """Takes names of ATen's operators, such as "inner" and "special_entr"."""
        super().__init__()
        self._names = names

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function, or what it is composed of."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").partition(".")[0]  # a program's calls say the form
        if name in self._names:
            packet = getattr(torch.ops.aten, name)
            form = torch._C._jit_resolve_packet(f"aten::{name}", *args, **kwargs)
            composition = _composition(getattr(packet, form or "default"))
            if composition is not None:
                return composition(*args, **kwargs)
        return func(*args, **kwargs)


def _composition(operator: OpOverload) -> Callable[..., Any] | None:
    if not torch._C._dispatch_has_kernel(operator._name):  # a form of TorchScript's alone
        return None
    if operator._can_decompose():
        return operator.decompose
    return decomposition_table.get(operator)
