"""Operators of truth values: comparisons, logic, choices by them; and changes of type."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_GREATER = Operator(
    name="Greater",
    kind="arithmetic",
    weights=None,
    slots=("", ""),
    operands=False,
    window=None,
    broadcasts=True,
    absorbs=False,
    scales="free",
    prescribed=None,
    planned="float",  # LiteRT's comparisons of int8 take 12 to 18 times the time of those of float
    singular=(0, 1),  # which of two is larger hangs on how near they are
    bounds=UNBOUNDED,
    sign="any",
    values="computed",
    channels="paired",
    homogeneous=False,
    answers=False,
    engines=Engines("float", "float", "float"),
    int16=False,
    refusal=None,
)
_NOT = replace(_GREATER, name="Not", slots=("",), broadcasts=False, singular=(), channels="alike")

ROWS = (
    *(
        replace(_GREATER, name=name)
        for name in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
    ),
    *(replace(_GREATER, name=name, singular=()) for name in ("And", "Or", "Xor")),
    _NOT,
    replace(_NOT, name="IsNaN"),
    replace(_NOT, name="Cast", kind="conversion"),
    # Its two operands come on the output's grid, as those that are joined do.
    replace(
        _GREATER,
        name="Where",
        kind="move",
        slots=("/condition", "", ""),
        operands=True,
        scales="joined",
        planned="int8",
        singular=(),
        values="chosen",
        channels="mixed",
        engines=Engines("depends", "none", "copies"),
    ),
)
