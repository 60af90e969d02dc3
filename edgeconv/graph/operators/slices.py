"""Operators that put tensors together, cut them apart, repeat or pad them."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_SLICE = Operator(
    name="Slice",
    kind="move",
    weights=None,
    slots=("", "/starts", "/ends", "/axes", "/steps"),
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
    values="chosen",
    channels="taken",
    homogeneous=True,
    answers=True,
    engines=Engines("copies", "depends", "copies"),
    int16=True,
    refusal=None,
)
_GATHER = replace(
    _SLICE,
    name="Gather",
    slots=("", "/indices"),
    engines=Engines("copies", "none", "copies"),
    int16=False,
)
#: Any value at any place: no channel stays what it was.
_GATHER_ND = replace(
    _GATHER,
    name="GatherND",
    channels="mixed",
    engines=Engines("float", "none", "copies"),
)
_SCATTER_ND = replace(
    _GATHER_ND,
    name="ScatterND",
    slots=("", "/indices", ""),
    operands=True,
    scales="joined",
)
_TILE = replace(
    _SLICE,
    name="Tile",
    slots=("",),
    channels="moved",
    engines=Engines("copies", "none", "copies"),
    int16=False,
)

ROWS = (
    replace(
        _SLICE,
        name="Concat",
        slots=("",),
        operands=True,
        scales="joined",
        channels="joined",
        engines=Engines("depends", "copies", "copies"),
    ),
    _SLICE,
    replace(
        _SLICE,
        name="Split",
        slots=("", "/sizes"),
        engines=Engines("copies", "copies", "copies"),
    ),
    _GATHER,
    _GATHER_ND,
    replace(_GATHER_ND, name="GatherElements", engines=Engines("copies", "none", "copies")),
    _SCATTER_ND,
    replace(_SCATTER_ND, name="ScatterElements"),
    _TILE,
    replace(_TILE, name="Expand"),
    # It adds a number of its own, which need not be positive.
    replace(
        _SLICE,
        name="Pad",
        slots=("", "/pads", "/value"),
        scales="tied",
        sign="any",
        values="computed",
        channels="shaped",
        homogeneous=False,
        engines=Engines("float", "depends", "copies"),
    ),
)
