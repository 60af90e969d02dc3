"""The table of lowerings: which function writes an ONNX operator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgeconv.export.tflite.builder import Lowering
from edgeconv.export.tflite.lowerings import (
    activations,
    conv,
    dense,
    elementwise,
    normalizations,
    pool,
    reduce,
    shape,
    slices,
    spatial,
)

LOWERINGS: Mapping[str, Lowering] = MappingProxyType(
    {
        **conv.LOWERINGS,
        **dense.LOWERINGS,
        **pool.LOWERINGS,
        **reduce.LOWERINGS,
        **elementwise.LOWERINGS,
        **normalizations.LOWERINGS,
        **activations.LOWERINGS,
        **shape.LOWERINGS,
        **slices.LOWERINGS,
        **spatial.LOWERINGS,
    }
)
