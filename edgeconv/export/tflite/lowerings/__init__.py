"""One function for each family of ONNX operators, and the table that finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder
from edgeconv.export.tflite.lowerings import (
    activations,
    conv,
    dense,
    elementwise,
    pool,
    reduce,
    shape,
    slices,
    spatial,
)

Lowering = Callable[[ir.Node, Builder], None]

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        **conv.LOWERINGS,
        **dense.LOWERINGS,
        **pool.LOWERINGS,
        **reduce.LOWERINGS,
        **elementwise.LOWERINGS,
        **activations.LOWERINGS,
        **shape.LOWERINGS,
        **slices.LOWERINGS,
        **spatial.LOWERINGS,
    }
)
