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
    operands=False,
    absorbs=False,
    engines=Engines("float", "none", "kernel"),
    int16=False,
)
_ABS = replace(
    _ADD,
    name="Abs",
    slots=("",),
    operands=False,
    broadcasts=False,
    absorbs=False,
    sign="nonnegative",
    channels="alike",
    engines=Engines("float", "table", "float"),
    int16=False,
)

ROWS = (
    _ADD,
    replace(_ADD, name="Sub", engines=Engines("float", "kernel", "kernel")),
    replace(_ADD, name="Mul", homogeneous=False),
    replace(
        _ADD,
        name="Div",
        absorbs=False,
        planned="float",
        singular=(1,),
        homogeneous=False,
        engines=Engines("float", "table", "float"),
        int16=False,
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
    replace(_ABS, name="Neg", planned="float", sign="any"),
    replace(_ABS, name="Exp", homogeneous=False),
    replace(
        _ABS,
        name="Log",
        planned="float",
        singular=(0,),
        sign="any",
        homogeneous=False,
    ),
    replace(
        _ABS,
        name="Sqrt",
        planned="float",
        singular=(0,),
        homogeneous=False,
    ),
    # Not the activation it often is: between two divisions it belongs to them.
    replace(
        _ABS,
        name="Clip",
        slots=("", "/min", "/max"),
        scales="tied",
        sign="any",
        homogeneous=False,
        answers=True,
        engines=Engines("depends", "depends", "depends"),
    ),
)
