"""Operators element by element, of several tensors and of one."""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    Row(
        "ADD",
        "arithmetic",
        versions=(("int16", 3), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row(
        "SUB",
        "arithmetic",
        versions=(("int16", 5), ("broadcast over 4 axes", 3), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row(
        "MUL",
        "arithmetic",
        versions=(("int16", 4), ("factor of 1 or more", 3), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row("DIV", "arithmetic", versions=(("broadcast over 4 axes", 2),), floats="xnnpack"),
    *(
        Row(
            name,
            "arithmetic",
            scales="tied",
            versions=(("int8", 2),),
            floats="xnnpack",
            int8="kernel",
        )
        for name in ("MAXIMUM", "MINIMUM")
    ),
    Row(
        "ABS",
        "arithmetic",
        versions=(("int8", 2),),
        runtimes=((2, (2, 4, 0)),),
        floats="xnnpack",
        int8="kernel",
    ),
    Row("EXP", "arithmetic", versions=(("int8", 2),), floats="xnnpack", int8="kernel"),
    Row(
        "RSQRT",
        "arithmetic",
        versions=(("int8", 2),),
        runtimes=((2, (2, 5, 0)),),
        floats="xnnpack",
    ),
    *(Row(name, "arithmetic", floats="xnnpack") for name in ("LOG", "NEG", "SQRT")),
    Row("POW", "arithmetic", floats="kernel"),
    *(
        Row(name, "arithmetic")
        for name in ("ADD_N", "SQUARE", "SQUARED_DIFFERENCE", "SELECT", "SELECT_V2")
    ),
)
