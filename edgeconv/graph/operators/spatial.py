"""Operators that move values between pixels and channels, or between sizes of an image."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_DEPTH_TO_SPACE = Operator(
    name="DepthToSpace",
    kind="move",
    weights=None,
    slots=("",),
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
    channels="moved",
    homogeneous=True,
    answers=True,
    engines=Engines("copies", "copies", "copies"),
    int16=False,
    refusal=None,
)

ROWS = (
    _DEPTH_TO_SPACE,
    replace(_DEPTH_TO_SPACE, name="SpaceToDepth", engines=Engines("float", "copies", "copies")),
    # Interpolation by cubes leaves the interval of what it reads.
    replace(
        _DEPTH_TO_SPACE,
        name="Resize",
        kind="resize",
        slots=("", "/roi", "/scales", "/sizes"),
        scales="tied",
        sign="any",
        values="computed",
        channels="shaped",
        engines=Engines("depends", "depends", "kernel"),
        int16=True,
    ),
    # Its second input is a place in the image, which 256 steps are too few for.
    replace(
        _DEPTH_TO_SPACE,
        name="GridSample",
        kind="sampling",
        slots=("", "/grid"),
        scales="free",
        planned="float",
        sign="any",
        values="computed",
        channels="mixed",
        homogeneous=False,
        answers=False,
        engines=Engines("float", "float", "float"),
    ),
)
