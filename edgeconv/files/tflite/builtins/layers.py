"""Layers, pools and reductions."""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import (
    DELEGATED,
    FLOAT_OWN_KERNEL,
    HALF_DELEGATED,
    Layer,
)
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    Row(
        "CONV_2D",
        "convolution",
        layer=Layer(0, 1, 2, axis=0),
        versions=(("int16", 4), ("groups", 6), ("int8 weights", 5), ("int8", 3)),
        runtimes=((6, (2, 9, 0)),),
        runs=DELEGATED,
    ),
    Row(
        "DEPTHWISE_CONV_2D",
        "convolution",
        layer=Layer(0, 1, 2, axis=3),
        versions=(("int16", 5), ("int8 weights", 6), ("int8", 3), ("dilation", 2)),
        runs=DELEGATED,
        limits=("float by int8",),
    ),
    # Its first input is the shape of its output.
    Row(
        "TRANSPOSE_CONV",
        "convolution",
        layer=Layer(2, 1, 3, axis=0),
        versions=(("bias", 3), ("int8", 2)),
        runs=DELEGATED,
    ),
    Row(
        "FULLY_CONNECTED",
        "product",
        layer=Layer(0, 1, 2, axis=0),
        versions=(
            *(("int16", 7), ("int8 weights", 12), ("no bias", 6)),
            *(("all dimensions kept", 5), ("int8", 4)),
        ),
        runs=DELEGATED,
    ),
    Row(
        "BATCH_MATMUL",
        "product",
        versions=(("int16", 3), ("int8", 2)),
        runtimes=((3, (2, 4, 0)),),
        runs=DELEGATED,
        limits=("second zero point",),
    ),
    Row("CONV_3D", "convolution"),
    Row("CONV_3D_TRANSPOSE", "convolution"),
    Row(
        "AVERAGE_POOL_2D",
        "pool",
        scales="tied",
        versions=(("int16", 3), ("int8", 2)),
        runs=HALF_DELEGATED,
        limits=("one pixel",),
        faster_in_float=True,
    ),
    Row(
        "MAX_POOL_2D",
        "pool",
        scales="tied",
        versions=(("int16", 3), ("int8", 2)),
        runs=DELEGATED,
        limits=("one pixel",),
    ),
    Row("L2_POOL_2D", "pool", runs=FLOAT_OWN_KERNEL),
    Row("MEAN", "reduction", adds_up=True, versions=(("int16", 3), ("int8", 2)), runs=DELEGATED),
    Row("SUM", "reduction", adds_up=True, runs=DELEGATED),
    *(
        Row(name, "reduction", scales="tied", versions=(("int8", 2),), runs=DELEGATED)
        for name in ("REDUCE_MAX", "REDUCE_MIN")
    ),
)
