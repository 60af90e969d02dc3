"""Operators element by element, of several tensors and of one."""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import (
    DELEGATED,
    FLOAT_DELEGATED,
    FLOAT_OWN_KERNEL,
    HALF_DELEGATED,
    OWN_KERNELS,
)
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    Row("ADD", "arithmetic", versions=(("int16", 3), ("int8", 2)), runs=DELEGATED),
    Row(
        "SUB",
        "arithmetic",
        versions=(("int16", 5), ("broadcast over 4 axes", 3), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row(
        "MUL",
        "arithmetic",
        versions=(("int16", 4), ("factor of 1 or more", 3), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row("DIV", "arithmetic", versions=(("broadcast over 4 axes", 2),), runs=HALF_DELEGATED),
    *(
        Row(name, "arithmetic", scales="tied", versions=(("int8", 2),), runs=HALF_DELEGATED)
        for name in ("MAXIMUM", "MINIMUM")
    ),
    Row(
        "ABS",
        "arithmetic",
        versions=(("int8", 2),),
        runtimes=((2, (2, 4, 0)),),
        runs=HALF_DELEGATED,
        faster_in_float=True,
    ),
    Row(
        "EXP",
        "arithmetic",
        versions=(("int8", 2),),
        runs=HALF_DELEGATED,
        faster_in_float=True,
    ),
    Row(
        "RSQRT",
        "arithmetic",
        versions=(("int8", 2),),
        runtimes=((2, (2, 5, 0)),),
        runs=HALF_DELEGATED,
    ),
    *(Row(name, "arithmetic", runs=HALF_DELEGATED) for name in ("LOG", "NEG", "SQRT")),
    Row("POW", "arithmetic", runs=FLOAT_OWN_KERNEL),
    Row("ADD_N", "arithmetic", runs=OWN_KERNELS),
    Row("SQUARED_DIFFERENCE", "arithmetic", runs=HALF_DELEGATED),
    *(
        Row(name, "arithmetic", runs=FLOAT_DELEGATED)
        for name in ("SQUARE", "SIN", "COS", "FLOOR", "CEIL", "ROUND")
    ),
)
