"""Which tensor a PyTorch function writes into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch._ops import OpOverload

#: In place by their names, and of no value.
_OF_NO_VALUE = frozenset({"detach_", "requires_grad_", "rename_", "share_memory_"})
#: What turns a tensor about where it lies.
_TURNS = frozenset(
    {"squeeze_", "unsqueeze_", "transpose_", "t_", "swapaxes_", "swapdims_"}
    | {"as_strided_", "resize_", "resize_as_", "set_"}
)


def written_by(
    func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Tensor | None:
    """The tensor whose values a call changes; None for most.

    PyTorch's names of such functions end in "_"; others are asked by `out` or `inplace`.
    """
    if isinstance(out := kwargs.get("out"), Tensor):
        return out
    name = _name(func)
    in_place = name.endswith("_") and not name.endswith("__") and name not in _OF_NO_VALUE | _TURNS
    augmented = name.startswith("__i") and name != "__invert__"
    if in_place or augmented or name == "__setitem__" or kwargs.get("inplace"):
        first = args[0] if args else kwargs.get("input", kwargs.get("self"))
        return first if isinstance(first, Tensor) else None
    return None


def turned_by(func: Callable[..., Any], args: Sequence[Any]) -> Tensor | None:
    """The tensor whose shape or strides a call changes where it lies; None for most."""
    return args[0] if _name(func) in _TURNS and args else None


def _name(func: Callable[..., Any]) -> str:
    named = func.overloadpacket if isinstance(func, OpOverload) else func
    return getattr(named, "__name__", "")
