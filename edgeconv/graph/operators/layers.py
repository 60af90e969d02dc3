"""Convolutions and matrix products: operators with weights."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator, Weights

_CONV = Operator(
    name="Conv",
    kind="convolution",
    weights=Weights(1, 2, output_axis=0, filters=True, on_integers="ConvInteger"),
    slots=("", ".weight", ".bias"),
    operands=False,
    window="weight",
    broadcasts=False,
    absorbs=True,
    scales="free",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=UNBOUNDED,
    sign="any",
    values="computed",
    channels="mixed",
    homogeneous=False,
    answers=False,
    engines=Engines("kernel", "kernel", "kernel"),
    int16=True,
    refusal=None,
)

ROWS = (
    _CONV,
    replace(
        _CONV,
        name="ConvTranspose",
        weights=Weights(1, 2, output_axis=1, filters=False, on_integers=None),
        absorbs=False,
        engines=Engines("float", "kernel", "kernel"),
        int16=False,
    ),
    replace(
        _CONV,
        name="Gemm",
        kind="product",
        weights=Weights(1, 2, output_axis="depends", filters=True, on_integers="MatMulInteger"),
        window=None,
    ),
    # Of two computed tensors, or of a batch of constant matrices, it is no layer: its second input
    # is an operand then (`quantize.plan.weights.layer_of`).
    replace(
        _CONV,
        name="MatMul",
        kind="product",
        weights=Weights(1, None, output_axis=-1, filters=False, on_integers="MatMulInteger"),
        slots=("", ".weight"),
        operands=True,
        window=None,
        absorbs=False,
        planned="depends",
    ),
)
