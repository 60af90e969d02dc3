"""Recurrent layers over a whole sequence. A cell's state adds up the roundings of every step."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

_LSTM = Operator(
    name="LSTM",
    kind="recurrent",
    weights=None,  # those of its input and of its state, which no int8 kernel multiplies by
    slots=("", ".weight_ih", ".weight_hh", ".bias", "/lengths", "/hidden", "/cell", ".peepholes"),
    operands=False,
    window=None,
    broadcasts=False,
    absorbs=False,
    scales="free",
    prescribed=None,
    planned="float",
    singular=(),
    bounds=UNBOUNDED,
    sign="any",
    values="computed",
    channels="mixed",
    homogeneous=False,
    answers=False,
    engines=Engines("float", "float", "float"),
    int16=False,
    refusal=None,
)

ROWS = (
    _LSTM,
    replace(_LSTM, name="GRU", slots=_LSTM.slots[:6]),
    replace(_LSTM, name="RNN", slots=_LSTM.slots[:6]),
)
