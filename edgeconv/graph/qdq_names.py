"""What the tensors of an int8 ONNX file are called.

A hub tensor's name stands for the real values its readers see; the integers behind it carry a
suffix. So the two int8 files of a bundle can be compared tensor by tensor.
"""

from __future__ import annotations

_INT8 = "::int8"
_FLOAT = "::float"


def integers_of(name: str) -> str:
    """Name of the int8 tensor behind a hub activation."""
    return f"{name}{_INT8}"


def requantized_integers_of(name: str, consumer: str, index: int) -> str:
    """Name of the int8 tensor that one input of one node sees in place of `integers_of(name)`."""
    return f"{name}{_INT8}::{consumer}:{index}"


def before_rounding(name: str) -> str:
    """Name of what an operator computes for a planned activation, before its pair."""
    return f"{name}{_FLOAT}"


def widened(name: str) -> str:
    """Name of the node whose output is what an operator in float reads of integers."""
    return f"{name}::scaled"


def rounded_later(value: str) -> str | None:
    """The hub tensor whose values before rounding a tensor holds; None where it holds none."""
    name, suffix, _ = value.partition(_FLOAT)
    return name if suffix else None


def hub_name_of(integers: str) -> tuple[str, bool] | None:
    """(hub tensor, whether requantized for one reader) behind an int8 tensor's name.

    None for a name that is not of this scheme.
    """
    name, suffix, edge = integers.partition(_INT8)
    return (name, bool(edge)) if suffix else None
