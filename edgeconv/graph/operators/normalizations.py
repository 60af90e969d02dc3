"""Normalizations. Their variances span too many magnitudes for 256 steps."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_LAYER = Operator(
    name="LayerNormalization",
    kind="normalization",
    weights=None,
    slots=("",),
    operands=False,
    window=None,
    broadcasts=False,
    absorbs=False,
    scales="free",
    prescribed=None,
    planned="float",
    singular=(),
    bounds=UNBOUNDED,
    sign="any",
    values="computed",
    channels="mixed",
    homogeneous=False,
    answers=False,
    engines=Engines("float", "float", "float"),
    int16=False,
    refusal=None,
)

ROWS = (
    _LAYER,
    replace(_LAYER, name="InstanceNormalization", channels="apart"),
    replace(_LAYER, name="LRN"),
    replace(
        _LAYER,
        name="BatchNormalization",
        planned="int8",
        channels="apart",
        engines=Engines("float", "none", "none"),
        refusal="it is folded into a convolution or spelled out before any file is written",
    ),
)
