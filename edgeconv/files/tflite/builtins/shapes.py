"""Operators that change the shape, the order of the axes or the type, or that move values.

DEPTH_TO_SPACE has no version for int8 on purpose: the same kernel runs int8 as version 1, and
LiteRT's set of reference kernels knows no version 2.
"""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    Row("RESHAPE", "view", scales="moved", floats="xnnpack", int8="xnnpack", int16=True),
    *(Row(name, "view", scales="moved") for name in ("SQUEEZE", "EXPAND_DIMS")),
    Row(
        "TRANSPOSE",
        "transpose",
        scales="moved",
        versions=(("int16", 5), ("over 5 axes", 6), ("over 4 axes", 4), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row("QUANTIZE", "conversion", versions=(("int16", 2),), int8="xnnpack", int16=True),
    Row(
        "DEQUANTIZE",
        "conversion",
        versions=(("float16", 3), ("int16", 3), ("int8 per channel", 5), ("int8", 2)),
        int8="xnnpack",
        int16=True,
    ),
    *(Row(name, "conversion") for name in ("CAST", "DENSIFY")),
    Row(
        "CONCATENATION",
        "move",
        scales="joined",
        versions=(("int16", 3), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row("PACK", "move", scales="joined"),
    Row(
        "SLICE",
        "move",
        scales="moved",
        versions=(("int16", 4), ("over 4 axes", 5), ("int8", 2)),
        runtimes=((5, (2, 5, 0)),),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row(
        "STRIDED_SLICE",
        "move",
        scales="moved",
        versions=(("over 4 axes", 4), ("int8", 2)),
        floats="kernel",
        int8="kernel",
        int16=True,
    ),
    Row(
        "SPLIT",
        "move",
        scales="moved",
        versions=(("int16", 4), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row("GATHER", "move", scales="moved", versions=(("int8", 2),), floats="kernel", int8="kernel"),
    Row("TILE", "move", scales="moved", floats="kernel", int8="kernel"),
    *(
        Row(name, "move", scales="moved")
        for name in (
            *("SPLIT_V", "UNPACK", "BROADCAST_TO", "REVERSE_V2"),
            *("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
        )
    ),
    Row("DEPTH_TO_SPACE", "move", scales="moved", floats="xnnpack", int8="xnnpack"),
    Row(
        "SPACE_TO_DEPTH",
        "move",
        scales="moved",
        versions=(("int8", 2),),
        floats="xnnpack",
        int8="xnnpack",
    ),
    Row(
        "PAD",
        "move",
        scales="tied",
        versions=(("int16", 3), ("over 4 axes", 4), ("int8", 2)),
        runtimes=((4, (2, 6, 0)),),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row(
        "PADV2",
        "move",
        scales="tied",
        versions=(("over 4 axes", 4), ("int8", 2)),
        runtimes=((4, (2, 6, 0)),),
        floats="kernel",
        int8="kernel",
    ),
    Row(
        "MIRROR_PAD",
        "move",
        scales="tied",
        versions=(("int8", 2),),
        floats="kernel",
        int8="kernel",
    ),
    Row(
        "RESIZE_BILINEAR",
        "resize",
        scales="tied",
        versions=(("int16", 4), ("half pixels", 3), ("int8", 2)),
        floats="xnnpack",
        int8="xnnpack",
        int16=True,
    ),
    Row(
        "RESIZE_NEAREST_NEIGHBOR",
        "resize",
        scales="tied",
        versions=(("int16", 4), ("half pixels", 3), ("corners aligned", 3), ("int8", 2)),
        floats="kernel",
        int8="kernel",
        int16=True,
    ),
)
