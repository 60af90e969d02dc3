"""What runs along an axis and gives something at each place."""

from __future__ import annotations

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

ROWS = (
    Operator(
        name="CumSum",
        kind="reduction",
        weights=None,
        slots=("", "/axis"),
        operands=False,
        window=None,
        broadcasts=False,
        absorbs=False,
        scales="free",
        prescribed=None,
        planned="float",
        singular=(),
        bounds=UNBOUNDED,
        sign="kept",
        values="computed",
        channels="mixed",
        homogeneous=True,
        answers=False,
        engines=Engines("float", "float", "float"),
        int16=False,
        refusal=None,
    ),
)
