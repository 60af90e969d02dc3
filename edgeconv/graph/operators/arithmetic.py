"""Arithmetic element by element: of one tensor, and of several that broadcast."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_ADD = Operator(
    name="Add",
    kind="arithmetic",
    weights=None,
    slots=("", ""),
    operands=True,
    window=None,
    broadcasts=True,
    absorbs=True,
    scales="free",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=UNBOUNDED,
    sign="any",
    values="computed",
    channels="paired",
    homogeneous=True,
    answers=False,
    engines=Engines("depends", "kernel", "kernel"),
    int16=True,
    refusal=None,
)
_MAX = replace(
    _ADD,
    name="Max",
    int16=False,
    operands=False,
    absorbs=False,
    engines=Engines("float", "none", "kernel"),
)
_ABS = replace(
    _MAX, name="Abs", slots=("",), broadcasts=False, sign="nonnegative", channels="alike"
)
_NEG = replace(
    _ABS, name="Neg", planned="float", sign="any", engines=Engines("float", "float", "float")
)

ROWS = (
    _ADD,
    replace(_ADD, name="Sub", engines=Engines("float", "kernel", "kernel")),
    replace(_ADD, name="Mul", homogeneous=False),
    replace(
        _ADD,
        name="Div",
        int16=False,
        absorbs=False,
        planned="float",
        singular=(1,),
        homogeneous=False,
        engines=Engines("float", "float", "float"),
    ),
    _MAX,
    replace(_MAX, name="Min"),
    # A square is a product; any other power is computed in float.
    replace(
        _MAX,
        name="Pow",
        planned="depends",
        homogeneous=False,
        engines=Engines("float", "depends", "depends"),
    ),
    _ABS,
    _NEG,
    replace(_ABS, name="Exp", homogeneous=False),
    replace(_NEG, name="Log", singular=(0,), homogeneous=False),
    replace(_NEG, name="Sqrt", singular=(0,), sign="nonnegative", homogeneous=False),
    # Not the activation it often is: between two divisions it belongs to them.
    replace(
        _ABS,
        name="Clip",
        slots=("", "/min", "/max"),
        scales="tied",
        sign="any",
        homogeneous=False,
        answers=True,
        engines=Engines("depends", "depends", "kernel"),
    ),
)
