"""What a builtin operator of TFLite is: the traits that a row of the table states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgeconv.graph.operators.operator import UNBOUNDED, Kind, Prescribed, Scales

#: What an operator may use that kernels know only from some version on.
Feature = Literal[
    "int8",  # it reads it
    "int16",  # it reads or writes it
    "float16",  # it reads it
    "int8 per channel",
    "int8 weights",  # under float activations
    "groups",
    "dilation",
    "bias",
    "no bias",
    "all dimensions kept",
    "over 4 axes",
    "over 5 axes",
    "broadcast over 4 axes",
    "factor of 1 or more",  # of the product of the input scales to the output's
    "batch",  # each of its own indices
    "half pixels",
    "corners aligned",
]
Runner = Literal["xnnpack", "kernel"]
#: What an operator may have that keeps XNNPACK from running it.
Limit = Literal[
    "over 5 inputs",
    "over 4 outputs",
    "steps",  # other than one, of a slice
    "one pixel",  # a window of that
    "second zero point",  # other than 0, of integers
    "other integers",  # than it reads
    "float by int8",  # float activations, int8 weights
]


@dataclass(frozen=True)
class Runs:
    """What runs an operator, by the type of its activations: XNNPACK, or a kernel of LiteRT's own.

    None where LiteRT has nothing for that type.
    """

    floats: Runner | None = None
    int8: Runner | None = None


DELEGATED = Runs("xnnpack", "xnnpack")
HALF_DELEGATED = Runs("xnnpack", "kernel")
OWN_KERNELS = Runs("kernel", "kernel")
FLOAT_DELEGATED = Runs("xnnpack")
FLOAT_OWN_KERNEL = Runs("kernel")
INT8_DELEGATED = Runs(None, "xnnpack")


@dataclass(frozen=True)
class Layer:
    """Where a layer has what it computes with.

    Attributes:
        source: input with the activations.
        weight: input with the weights.
        bias: input with one number for each output channel; it may be absent.
        axis: of the output channels in the weights.
    """

    source: int
    weight: int
    bias: int
    axis: int


@dataclass(frozen=True)
class BuiltinOperator:
    """A builtin operator.

    Attributes:
        name: the schema's.
        kind: what it does, broadly.
        layer: where a layer has its weights; None for what is no layer.
        scales: what ties the scales of 8-bit inputs and outputs, as of `graph.operators`: kernels
            rescale where they are "free", and nowhere else.
        prescribed: the output's grid that int8 kernels assume; None where they assume none.
        bounds: lowest and highest value it can give, whatever it reads.
        adds_up: whether every output is a sum of many values that no weight scales.
        versions: the version that knows a feature; the first one that is used decides, and 1 does
            where none is. From TensorFlow's lite/tools/versioning/op_version.cc.
        runtimes: the first TensorFlow Lite that knows a version, where that is not 2.3.0 or older.
            From runtime_version.cc beside it.
        runs: what runs it.
        limits: what keeps XNNPACK from it all the same; a kernel of LiteRT's own runs it then.
        faster_in_float: whether int8 files compute it in float between DEQUANTIZE and QUANTIZE,
            because XNNPACK runs that, and of what reads one tensor makes one operator that looks
            each integer up, while the int8 kernel is LiteRT's own and slower
            (docs/decisions/int8-spellings.md).
    """

    name: str
    kind: Kind
    layer: Layer | None = None
    scales: Scales = "free"
    prescribed: Prescribed | None = None
    bounds: tuple[float, float] = UNBOUNDED
    adds_up: bool = False
    versions: tuple[tuple[Feature, int], ...] = ()
    runtimes: tuple[tuple[int, tuple[int, int, int]], ...] = ()
    runs: Runs = Runs()
    limits: tuple[Limit, ...] = ()
    faster_in_float: bool = False
