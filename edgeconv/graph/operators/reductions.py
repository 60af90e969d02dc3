"""Reductions along axes that the node names."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_MEAN = Operator(
    name="ReduceMean",
    kind="reduction",
    weights=None,
    slots=("",),
    operands=False,
    window=None,
    broadcasts=False,
    absorbs=False,
    scales="free",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=UNBOUNDED,
    sign="kept",
    values="averaged",
    channels="shaped",
    homogeneous=True,
    answers=True,
    engines=Engines("float", "kernel", "kernel"),
    int16=True,
    refusal=None,
)
_EXTREME = replace(
    _MEAN,
    name="ReduceMax",
    values="chosen",
    answers=False,
    int16=False,
)
# SUM has an int8 kernel in TFLite, but LiteRT's reference kernel of it returns wrong values.
_SUM = replace(
    _MEAN,
    name="ReduceSum",
    planned="float",
    values="computed",
    answers=False,
    engines=Engines("float", "float", "float"),
    int16=False,
)
# Logarithms of sums: what is added up before them counts where it is near zero.
_LOG = replace(_SUM, name="ReduceLogSum", singular=(0,), homogeneous=False)

ROWS = (
    _MEAN,
    _EXTREME,
    replace(_EXTREME, name="ReduceMin"),
    _SUM,
    replace(_SUM, name="ReduceL1", sign="nonnegative"),
    replace(_SUM, name="ReduceL2", sign="nonnegative"),
    replace(_SUM, name="ReduceSumSquare", sign="nonnegative", homogeneous=False),
    replace(_LOG, sign="any"),
    replace(_LOG, name="ReduceLogSumExp", sign="any", singular=()),
    replace(_SUM, name="ReduceProd", homogeneous=False),
)
