"""TorchScript's operators on lists, dicts, texts and numbers, as Python has them.

Those on tensors are PyTorch's own; a graph of TorchScript has these beside them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

_CONTAINERS = (list, tuple, dict, str)


def call(name: str, overload: str, args: list[Any], named: Mapping[str, Any]) -> Any:
    """What an operator such as "aten::conv2d" gives.

    Args:
        name: TorchScript's.
        overload: which of that name, "" where there is one.
        args: its inputs.
        named: those that its schema wants by name.

    Raises:
        NotImplementedError: neither PyTorch nor this table has it.
    """
    in_python = PYTHON.get(name)
    if in_python is not None and not named and (name in _ALWAYS or _is_container(args)):
        return in_python(*args)
    if not name.startswith("prim::"):
        return torch._C._get_operation_overload(name, overload)[0](*args, **named)
    raise NotImplementedError(
        f"TorchScript's {name} is not known here; build the net from the nn.Module itself, "
        "without torch.jit.script, torch.jit.trace and torch.jit.optimize_for_inference"
    )


def _is_container(args: list[Any]) -> bool:
    return bool(args) and isinstance(args[0], _CONTAINERS) and not isinstance(args[0], torch.Size)


def _append(items: list[Any], item: Any) -> list[Any]:
    items.append(item)
    return items


def _slice(items: Any, start: int | None = None, stop: int | None = None, step: int = 1) -> Any:
    return items[start:stop:step]


def _size(x: Tensor, axis: int | None = None) -> Any:
    return list(x.shape) if axis is None else x.shape[axis]


def _same(value: Any, *_: Any) -> Any:
    return value


#: Of these also what is no container: values of tensors become Python's where they are followed.
_READS: Mapping[str, Callable[..., Any]] = {
    "aten::Bool": bool,
    "aten::Int": int,
    "aten::Float": float,
    "aten::FloatImplicit": float,
    "aten::IntImplicit": int,
    "aten::ScalarImplicit": lambda x: x.item(),
    "aten::item": lambda x: x.item(),
    "aten::size": _size,
    "aten::dim": lambda x: len(x.shape),
    "aten::numel": lambda x: x.numel(),
    "aten::__is__": operator.is_,
    "aten::__isnot__": operator.is_not,
    "aten::__not__": operator.not_,
    "aten::warn": lambda *_: None,
    "aten::format": lambda text, *args: text.format(*args),
    "prim::device": lambda x: x.device,
    "prim::dtype": lambda x: x.dtype,
    "prim::data": lambda x: x.detach(),
    "prim::is_cuda": lambda _: False,
    "prim::NumToTensor": torch.tensor,
    "prim::unchecked_cast": _same,
    "prim::Uninitialized": lambda: None,
    "prim::ListConstruct": lambda *items: list(items),
    "prim::TupleConstruct": lambda *items: items,
    "prim::TupleIndex": operator.getitem,
    "prim::ListUnpack": _same,
    "prim::TupleUnpack": _same,
    "prim::DictConstruct": lambda *items: dict(zip(items[::2], items[1::2], strict=True)),
    "prim::min": min,
    "prim::max": max,
}
_ALWAYS = frozenset(_READS)

PYTHON: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **_READS,
        "aten::append": _append,
        "aten::extend": lambda items, more: items.extend(more),
        "aten::insert": lambda items, index, item: items.insert(index, item),
        "aten::pop": lambda items, *index: items.pop(*index),
        "aten::clear": lambda items: items.clear(),
        "aten::reverse": lambda items: items.reverse(),
        "aten::_set_item": operator.setitem,
        "aten::__getitem__": operator.getitem,
        "aten::__contains__": operator.contains,
        "aten::len": len,
        "aten::list": list,
        "aten::slice": _slice,
        "aten::keys": lambda items: list(items),
        "aten::values": lambda items: list(items.values()),
        "aten::items": lambda items: list(items.items()),
        "aten::get": lambda items, key, default=None: items.get(key, default),
        "aten::add": operator.add,
        "aten::add_": operator.iadd,
        "aten::mul": operator.mul,
        "aten::eq": operator.eq,
        "aten::ne": operator.ne,
        "aten::copy": lambda items: items.copy(),
    }
)
