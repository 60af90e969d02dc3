"""Functions of each value by itself that are no activations: angles, whole numbers, signs.

Most have no int8 kernel anywhere. Those with steps, and those with a pole, hang on small
differences of what they read (`singular`), so the arithmetic before them is in float too.
"""

from __future__ import annotations

import math
from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_SIN = Operator(
    name="Sin",
    kind="arithmetic",
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
    bounds=(-1.0, 1.0),
    sign="any",
    values="computed",
    channels="alike",
    homogeneous=False,
    answers=False,
    engines=Engines("float", "table", "float"),
    int16=False,
    refusal=None,
)
_COMPOSED = replace(_SIN, name="Tan", bounds=UNBOUNDED, engines=Engines("float", "float", "float"))
_ATAN = replace(_COMPOSED, name="Atan", bounds=(-math.pi / 2, math.pi / 2))
_FLOOR = replace(_SIN, name="Floor", singular=(0,), bounds=UNBOUNDED)

ROWS = (
    _SIN,
    replace(_SIN, name="Cos"),
    replace(_COMPOSED, singular=(0,)),
    _ATAN,
    replace(_ATAN, name="Asin", singular=(0,)),
    replace(_ATAN, name="Acos", singular=(0,), bounds=(0.0, math.pi), sign="nonnegative"),
    _FLOOR,
    replace(_FLOOR, name="Ceil"),
    replace(_FLOOR, name="Round"),
    replace(_FLOOR, name="Sign", bounds=(-1.0, 1.0)),
    replace(_FLOOR, name="Reciprocal"),
    replace(_COMPOSED, name="Erf", bounds=(-1.0, 1.0)),
    replace(
        _COMPOSED, name="Mod", slots=("", ""), broadcasts=True, singular=(0, 1), channels="paired"
    ),
)
