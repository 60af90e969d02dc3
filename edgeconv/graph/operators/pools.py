"""Pools over windows or over the whole image."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_MAX = Operator(
    name="MaxPool",
    kind="pool",
    weights=None,
    slots=("",),
    operands=False,
    window="attribute",
    broadcasts=False,
    absorbs=False,
    scales="tied",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=UNBOUNDED,
    sign="kept",
    values="chosen",
    channels="alike",
    homogeneous=True,
    answers=True,
    engines=Engines("kernel", "depends", "kernel"),
    int16=True,
    refusal=None,
)

ROWS = (
    _MAX,
    replace(
        _MAX,
        name="AveragePool",
        values="averaged",
        engines=Engines("kernel", "depends", "depends"),
    ),
    # TFLite's MEAN rescales, unlike its AVERAGE_POOL_2D.
    replace(
        _MAX,
        name="GlobalAveragePool",
        window=None,
        scales="free",
        values="averaged",
        engines=Engines("kernel", "kernel", "kernel"),
    ),
    replace(
        _MAX,
        name="GlobalMaxPool",
        window=None,
        scales="free",
        answers=False,
        engines=Engines("float", "kernel", "kernel"),
        int16=False,
    ),
    replace(
        _MAX,
        name="LpPool",
        scales="free",
        sign="nonnegative",
        values="computed",
        answers=False,
        engines=Engines("float", "none", "none"),
        int16=False,
        refusal="TFLite's L2_POOL_2D averages squares, and takes no padding that counts",
    ),
)
