"""Operators that look for the largest or smallest values, and what their places become."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_TOP_K = Operator(
    name="TopK",
    kind="move",
    weights=None,
    slots=("", "/count"),
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
    channels="mixed",
    homogeneous=False,  # the places of the values stay as they are
    answers=True,
    engines=Engines("float", "none", "kernel"),
    int16=False,
    refusal=None,
)
_ARG_MAX = replace(
    _TOP_K,
    name="ArgMax",
    kind="reduction",
    slots=("",),
    scales="free",
    planned="float",  # it gives no reals; LiteRT's kernels compare integers as well as floats
    values="computed",
    sign="any",
    engines=Engines("kernel", "none", "kernel"),
)

ROWS = (
    _TOP_K,
    _ARG_MAX,
    replace(_ARG_MAX, name="ArgMin", answers=False, engines=Engines("float", "none", "kernel")),
    replace(
        _ARG_MAX,
        name="OneHot",
        kind="move",
        slots=("", "/depth", "/values"),
        answers=False,
    ),
)
