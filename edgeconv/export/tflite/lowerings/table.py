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
    exponential_units,
    functions,
    gathers,
    logic,
    normalizations,
    places,
    pool,
    powers,
    recurrent,
    reduce,
    sampling,
    scans,
    selections,
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
        **scans.LOWERINGS,
        **elementwise.LOWERINGS,
        **powers.LOWERINGS,
        **functions.LOWERINGS,
        **normalizations.LOWERINGS,
        **recurrent.LOWERINGS,
        **activations.LOWERINGS,
        **exponential_units.LOWERINGS,
        **shape.LOWERINGS,
        **slices.LOWERINGS,
        **gathers.LOWERINGS,
        **places.LOWERINGS,
        **spatial.LOWERINGS,
        **sampling.LOWERINGS,
        **logic.LOWERINGS,
        **selections.LOWERINGS,
    }
)
