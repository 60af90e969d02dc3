"""The outputs of a net: their names, and what they may be."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch

from edgeconv.data.inputs import IMAGE
from edgeconv.errors import NetRefused
from edgeconv.nets.running import items_of

_TYPES = (torch.float32, torch.int32, torch.int64, torch.bool)


def require_plain_values(outputs: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Raises NetRefused where an output is none that files can give, dense, on the CPU."""
    for name, tensor in outputs:
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise NetRefused(
                f"the net's output {name} is a {tensor.layout} tensor on {tensor.device.type}; "
                "outputs must be dense and on the CPU"
            )
        if tensor.dtype not in _TYPES:
            raise NetRefused(
                f"the net's output {name} is {tensor.dtype}; outputs must be "
                f"{', '.join(map(str, _TYPES))}. Return it as one of these"
            )
        if tensor.numel() == 0:
            raise NetRefused(
                f"the net's output {name} of shape {tuple(tensor.shape)} holds no value; return "
                "only outputs that do"
            )


def output_names(
    result: Any, single: str = "logits", *, taken: Collection[str] = (IMAGE,)
) -> list[str]:
    """Names of the tensors a module gave, in the order of `tensors_of`.

    Args:
        result: what the module gave; a None in it, such as a loss that is not asked for, is no
            output.
        single: what the only tensor is called.
        taken: what the net's inputs are called.

    Raises:
        NetRefused: the result holds something that is no tensor, or two outputs share a name.
    """
    names = _flat_names(result, "")
    if not names:
        raise NetRefused("the net gives no tensor")
    if len(names) == 1:
        names = [single]
    for name in names:
        if names.count(name) > 1 or name in taken or not name.isprintable() or not name.strip():
            raise NetRefused(
                f"the net gives an output called {name!r}; each output needs a printable name of "
                f"its own, and {', '.join(taken)} is what goes in. Rename the keys it returns"
            )
    return names


def _flat_names(value: Any, prefix: str) -> list[str]:
    if isinstance(value, torch.Tensor):
        return [prefix]
    if value is None:
        return []
    if not _holds_others(value):
        raise NetRefused(
            f"the net gives a {type(value).__name__}{f' as {prefix}' if prefix else ''}; "
            "edgeconv takes tensors, and tuples, lists, dicts and dataclasses of them"
        )
    return [
        name
        for key, item in items_of(value)
        for name in _flat_names(item, f"{prefix}_{_text(key)}" if prefix else _first(key))
    ]


def _holds_others(value: Any) -> bool:
    return isinstance(value, (Mapping, tuple, list)) or dataclasses.is_dataclass(value)


def _first(key: Any) -> str:
    """The name of an output from where it stands: a number alone is none."""
    return f"output_{key}" if isinstance(key, int) else _text(key)


def _text(key: Any) -> str:
    if isinstance(key, (str, int)):
        return str(key)
    raise NetRefused(
        f"the net gives a dict with the key {key!r}; outputs are called by their keys, which must "
        "be texts or whole numbers"
    )
