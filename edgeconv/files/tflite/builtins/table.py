"""Finds what a builtin operator of TFLite is by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgeconv.files.tflite.builtins import (
    activations,
    arithmetic,
    functions,
    layers,
    logic,
    selections,
    shapes,
)
from edgeconv.files.tflite.builtins.operator import BuiltinOperator

_FAMILIES = (layers, arithmetic, functions, activations, logic, selections, shapes)

BUILTINS: Mapping[str, BuiltinOperator] = MappingProxyType(
    {row.name: row for family in _FAMILIES for row in family.ROWS}
)
"""Every builtin operator that is known, by the schema's name."""


def builtin(name: str) -> BuiltinOperator:
    """What an operator of a file is; of one without a row, a row of kind "unknown"."""
    return BUILTINS.get(name) or BuiltinOperator(name, "unknown")
