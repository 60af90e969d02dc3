"""Operators that change the shape, the order of the axes, or nothing."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_RESHAPE = Operator(
    name="Reshape",
    kind="view",
    weights=None,
    slots=("", "/shape"),
    operands=False,
    window=None,
    broadcasts=False,
    absorbs=False,
    scales="moved",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=UNBOUNDED,
    sign="kept",
    values="copied",
    channels="shaped",
    homogeneous=True,
    answers=True,
    engines=Engines("copies", "copies", "copies"),
    int16=True,
    refusal=None,
)
_UNWRITTEN = replace(
    _RESHAPE,
    name="Identity",
    kind="identity",
    slots=("",),
    channels="alike",
    engines=Engines("copies", "none", "none"),
    int16=False,
    refusal="it is taken out of the graph before any file is written",
)

ROWS = (
    _RESHAPE,
    replace(_RESHAPE, name="Flatten", slots=("",)),
    replace(_RESHAPE, name="Squeeze", slots=("",)),
    replace(_RESHAPE, name="Unsqueeze", slots=("",)),
    replace(_RESHAPE, name="Transpose", kind="transpose", slots=("",), channels="moved"),
    _UNWRITTEN,
    replace(_UNWRITTEN, name="Dropout"),
)
