"""Operators that change the shape, the order of the axes or the type, or that move values.

DEPTH_TO_SPACE has no version for int8 on purpose: the same kernel runs int8 as version 1, and
LiteRT's set of reference kernels knows no version 2.
"""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import (
    DELEGATED,
    INT8_DELEGATED,
    OWN_KERNELS,
)
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    Row("RESHAPE", "view", scales="moved", runs=DELEGATED),
    *(Row(name, "view", scales="moved", runs=OWN_KERNELS) for name in ("SQUEEZE", "EXPAND_DIMS")),
    Row(
        "TRANSPOSE",
        "transpose",
        scales="moved",
        versions=(("int16", 5), ("over 5 axes", 6), ("over 4 axes", 4), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row(
        "QUANTIZE",
        "conversion",
        versions=(("int16", 2),),
        runs=INT8_DELEGATED,
        limits=("other integers",),
    ),
    Row(
        "DEQUANTIZE",
        "conversion",
        versions=(("float16", 3), ("int16", 3), ("int8 per channel", 5), ("int8", 2)),
        runs=INT8_DELEGATED,
    ),
    Row("CAST", "conversion", runs=OWN_KERNELS),
    Row("DENSIFY", "conversion"),
    Row(
        "CONCATENATION",
        "move",
        scales="joined",
        versions=(("int16", 3), ("int8", 2)),
        runs=DELEGATED,
        limits=("over 5 inputs",),
    ),
    Row("PACK", "move", scales="joined", runs=OWN_KERNELS),
    Row(
        "SLICE",
        "move",
        scales="moved",
        versions=(("int16", 4), ("over 4 axes", 5), ("int8", 2)),
        runtimes=((5, (2, 5, 0)),),
        runs=DELEGATED,
    ),
    Row(
        "STRIDED_SLICE",
        "move",
        scales="moved",
        versions=(("over 4 axes", 4), ("int8", 2)),
        runs=DELEGATED,
        limits=("steps",),
    ),
    Row(
        "SPLIT",
        "move",
        scales="moved",
        versions=(("int16", 4), ("int8", 2)),
        runs=DELEGATED,
        limits=("over 4 outputs",),
    ),
    Row(
        "GATHER",
        "move",
        scales="moved",
        versions=(("batch", 5), ("int8", 2)),
        runtimes=((5, (2, 5, 0)),),
        runs=OWN_KERNELS,
    ),
    Row("TILE", "move", scales="moved", runs=OWN_KERNELS),
    *(
        Row(name, "move", scales="moved", runs=OWN_KERNELS)
        for name in (
            *("SPLIT_V", "UNPACK", "BROADCAST_TO", "REVERSE_V2", "GATHER_ND"),
            *("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
        )
    ),
    Row("DEPTH_TO_SPACE", "move", scales="moved", runs=DELEGATED),
    Row("SPACE_TO_DEPTH", "move", scales="moved", versions=(("int8", 2),), runs=DELEGATED),
    Row(
        "PAD",
        "move",
        scales="tied",
        versions=(("int16", 3), ("over 4 axes", 4), ("int8", 2)),
        runtimes=((4, (2, 6, 0)),),
        runs=DELEGATED,
    ),
    Row(
        "PADV2",
        "move",
        scales="tied",
        versions=(("int16", 3), ("over 4 axes", 4), ("int8", 2)),
        runtimes=((4, (2, 6, 0)),),
        runs=OWN_KERNELS,
    ),
    Row("MIRROR_PAD", "move", scales="tied", versions=(("int8", 2),), runs=OWN_KERNELS),
    Row(
        "RESIZE_BILINEAR",
        "resize",
        scales="tied",
        versions=(("int16", 4), ("half pixels", 3), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row(
        "RESIZE_NEAREST_NEIGHBOR",
        "resize",
        scales="tied",
        versions=(("int16", 4), ("half pixels", 3), ("corners aligned", 3), ("int8", 2)),
        runs=OWN_KERNELS,
    ),
)
