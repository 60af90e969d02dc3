"""Operators that look for the largest or smallest values, and what their places become."""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import FLOAT_OWN_KERNEL, OWN_KERNELS
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    *(
        Row(name, "reduction", versions=(("int8", 2),), runs=OWN_KERNELS)
        for name in ("ARG_MAX", "ARG_MIN")
    ),
    Row("TOPK_V2", "move", scales="moved", versions=(("int8", 2),), runs=OWN_KERNELS),
    Row("ONE_HOT", "move", runs=FLOAT_OWN_KERNEL),
)
