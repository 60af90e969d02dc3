"""The traits an operator has; a row states every one of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "convolution",  # layers of filters over an image
    "product",  # layers of a matrix
    "pool",
    "reduction",
    "arithmetic",  # of each value, and of those at its place in other operands
    "activation",  # of each value
    "softmax",
    "normalization",
    "recurrent",  # a layer over a sequence, step by step
    "view",  # the same memory under another shape
    "transpose",
    "identity",
    "conversion",  # of the type of each value
    "move",  # values where they are wanted: joined, cut, repeated, padded
    "resize",
    "sampling",  # of an image, its first input, at the places that the second holds
    "unknown",
]
Scales = Literal["moved", "tied", "joined", "free"]
Values = Literal["copied", "chosen", "averaged", "computed"]
Channels = Literal["alike", "apart", "paired", "joined", "taken", "shaped", "moved", "mixed"]
Sign = Literal["nonnegative", "kept", "any"]
Does = Literal["kernel", "copies", "table", "float", "none", "depends"]

#: Bounds of what may have any value.
UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Weights:
    """Where a layer has its weights.

    Attributes:
        slot: input that holds them.
        bias_slot: input that holds one number for each output channel; None where there is none.
        output_axis: axis of the output channels in the weight; "depends" on the node's transB.
        filters: whether each output channel has rows of the weight to itself, whose products with
            what lies under them add up to it, and lies along axis 1.
        on_integers: the ONNX operator that multiplies integers alone, None where there is none.
    """

    slot: int
    bias_slot: int | None
    output_axis: int | Literal["depends"]
    filters: bool
    on_integers: str | None


@dataclass(frozen=True)
class Prescribed:
    """The output's grid as the TFLite 8-bit quantization specification prescribes it.

    Attributes:
        scale, zero_point: of int8.
        int16_scale: of int16, whose zero point is 0; None where none is prescribed.
        saturated: how far from zero an input is from which on int8 holds the same integer; None
            where it depends on other inputs.
    """

    scale: float
    zero_point: int
    int16_scale: float | None
    saturated: float | None = None


@dataclass(frozen=True)
class Engines:
    """What engines do with the operator between int8 tensors, measured with it alone in a file.

    "kernel": compute on integers; "copies": hand integers on as they are; "table": look each
    integer up among 256 results that were computed in float; "float": dequantize, compute in float
    and quantize again; "none": have nothing for it, so that another takes it, or
    the file does not load; "depends": on shapes, constants or attributes.

    Attributes:
        onnxruntime: its CPU provider on x86-64, all optimizations on, on a file in QDQ form.
        xnnpack: LiteRT's delegate, on all that the operator is lowered to.
        reference: LiteRT's reference kernels, likewise.
    """

    onnxruntime: Does
    xnnpack: Does
    reference: Does


@dataclass(frozen=True)
class Operator:
    """An ONNX operator.

    Attributes:
        name: ONNX's.
        kind: what it does, broadly.
        weights: where a layer has its weights; None for what is no layer.
        slots: how a constant at each input is called behind the node's name; "" for what computes
            with the input's values and has no name for it, "/name" for a setting.
        operands: whether its constants are operands like tensors, in int8 on a grid of their own.
        window: where it is stated how large its windows are, "weight" or "attribute"; None without.
        broadcasts: whether it takes several tensors, and repeats the smaller as NumPy does.
        absorbs: whether TFLite's kernels take an activation behind it for free, in float and int8.
        scales: what ties the grids of input and output: "moved" integers are the same, "tied" ones
            are computed and yet on one scale, "joined" tensors all come on the output's; or "free".
        prescribed: the output's grid where the specification prescribes it.
        planned: whether an int8 file computes it on integers: "int8", "float" or "depends".
        singular: inputs whose values near zero decide what it gives.
        bounds: lowest and highest value it can give whatever it reads, where both are of use.
        sign: whether its values are never negative, or not as long as what it reads is not.
        values: what it gives: what it reads, each once ("copied") or some of it ("chosen"), means
            of it ("averaged"), or something else.
        channels: how axis 1 flows: each channel by itself, all "alike" or "apart" with constants
            of its own; "paired" with the same channel of other operands; "joined" or "taken" whole;
            as the node's shapes or axes say ("shaped"); "moved" to other axes; or "mixed".
        homogeneous: whether a positive factor on all it reads is a factor on what it gives.
        answers: whether behind it the largest values of a channel are still those that decide.
        engines: what engines do with it in int8.
        int16: whether LiteRT's own kernels compute it on 16 bits; XNNPACK has none of them.
        refusal: why TFLite files cannot have it; None where there is a lowering.
    """

    name: str
    kind: Kind
    weights: Weights | None
    slots: tuple[str, ...]
    operands: bool
    window: Literal["weight", "attribute"] | None
    broadcasts: bool
    absorbs: bool
    scales: Scales
    prescribed: Prescribed | None
    planned: Literal["int8", "float", "depends"]
    singular: tuple[int, ...]
    bounds: tuple[float, float]
    sign: Sign
    values: Values
    channels: Channels
    homogeneous: bool
    answers: bool
    engines: Engines
    int16: bool
    refusal: str | None

    def role_of(self, slot: int) -> str:
        """How a constant at an input is called behind the node's name."""
        return (self.slots[slot] if slot < len(self.slots) else "") or "/constant"

    def is_setting(self, slot: int) -> bool:
        """Whether a constant at an input is a shape, a bound or the like: nothing to multiply."""
        return slot < len(self.slots) and self.slots[slot].startswith("/")
