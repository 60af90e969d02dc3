"""Operators that XNNPACK never takes: LiteRT's own kernels, some of them in float alone."""

from __future__ import annotations

from edgeconv.files.tflite.builtins.operator import FLOAT_OWN_KERNEL, OWN_KERNELS
from edgeconv.files.tflite.builtins.operator import BuiltinOperator as Row

ROWS = (
    Row("SIGN", "arithmetic", runtimes=((1, (2, 12, 0)), (2, (2, 12, 0))), runs=OWN_KERNELS),
    Row("ATAN2", "arithmetic", runtimes=((1, (2, 10, 0)),), runs=FLOAT_OWN_KERNEL),
    Row("FLOOR_MOD", "arithmetic", runs=OWN_KERNELS),
    Row("CUMSUM", "reduction", runtimes=((1, (2, 4, 0)),), runs=FLOAT_OWN_KERNEL),
    Row("REDUCE_PROD", "reduction", runs=OWN_KERNELS),
)
