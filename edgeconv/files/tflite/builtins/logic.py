"""Operators of truth values: comparisons, logic, and choices by them."""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import FLOAT_OWN_KERNEL, OWN_KERNELS
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    *(
        Row(name, "arithmetic", versions=(("int8", 2),), runs=OWN_KERNELS)
        for name in (*("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"),)
    ),
    *(
        Row(name, "arithmetic", runs=FLOAT_OWN_KERNEL)
        for name in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")
    ),
    *(Row(name, "move", scales="joined", runs=OWN_KERNELS) for name in ("SELECT", "SELECT_V2")),
)
