"""Operators that files of other tools hold and hub graphs never do, a row each.

The integer operators of ONNX and of onnxruntime's domain com.microsoft, quantize nodes, and what
ONNX has besides the operators of `graph.operators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from edgeconv.graph.operators.operator import Kind


@dataclass(frozen=True)
class IntegerWeights:
    """Where an operator on integers has its weights.

    Attributes:
        slot: input that holds them.
        scale_slot: input with their scales; None where the file multiplies by them further on.
        zero_slot: input with their zero points.
        bias_slot: input with one number for each output channel; None where it takes none.
        output_axis: of the output channels in the weights; "depends" on the node's transB.
    """

    slot: int
    scale_slot: int | None
    zero_slot: int
    bias_slot: int | None
    output_axis: int | Literal["depends"]


@dataclass(frozen=True)
class ForeignOperator:
    """An operator of files of other tools.

    Attributes:
        name: its name in the file.
        kind: what it does, broadly.
        weights: where a layer has its integers; None for what is no layer.
        type_slot: input of the type that it writes: its zero point's, or what it moves; None where
            ONNX's inference knows the operator.
        shape: of what it writes, against what it reads: "same", that of both operands "broadcast",
            that of a "window" over it, "one" position of each channel, its parts "joined", or a
            "product" with the weights; None where ONNX's inference knows the operator.
        measures: whether it quantizes what it reads by what it finds there, anew at every run.
        in_float: whether onnxruntime's CPU provider computes it in float also between int8 tensors.
    """

    name: str
    kind: Kind
    weights: IntegerWeights | None = None
    type_slot: int | None = None
    shape: Literal["same", "broadcast", "window", "one", "joined", "product"] | None = None
    measures: bool = False
    in_float: bool = False


_CONV = IntegerWeights(3, 4, 5, bias_slot=8, output_axis=0)
_PRODUCT = IntegerWeights(3, 4, 5, bias_slot=None, output_axis=-1)
_GEMM = IntegerWeights(3, 4, 5, bias_slot=6, output_axis="depends")
_BARE = IntegerWeights(1, None, 3, bias_slot=None, output_axis=0)
_BARE_PRODUCT = IntegerWeights(1, None, 3, bias_slot=None, output_axis=-1)

FOREIGN: Mapping[str, ForeignOperator] = MappingProxyType(
    {
        row.name: row
        for row in (
            ForeignOperator("QuantizeLinear", "conversion"),
            ForeignOperator("DequantizeLinear", "conversion"),
            ForeignOperator("DynamicQuantizeLinear", "conversion", measures=True),
            ForeignOperator("QLinearConv", "convolution", _CONV, 7, "window"),
            ForeignOperator("ConvInteger", "convolution", _BARE, measures=True),
            ForeignOperator("QLinearMatMul", "product", _PRODUCT, 7),
            ForeignOperator("MatMulInteger", "product", _BARE_PRODUCT, measures=True),
            ForeignOperator("QGemm", "product", _GEMM, 8, "product"),
            ForeignOperator("QLinearAdd", "arithmetic", None, 7, "broadcast"),
            ForeignOperator("QLinearMul", "arithmetic", None, 7, "broadcast"),
            ForeignOperator("QLinearSigmoid", "activation", None, 4, "same"),
            ForeignOperator("QLinearLeakyRelu", "activation", None, 4, "same"),
            ForeignOperator("QLinearSoftmax", "softmax", None, 4, "same"),
            ForeignOperator("QLinearConcat", "move", None, 1, "joined"),
            ForeignOperator("QLinearAveragePool", "pool", None, 4, "window"),
            ForeignOperator("QLinearGlobalAveragePool", "reduction", None, 4, "one"),
            ForeignOperator("NhwcMaxPool", "pool", None, 0, "window"),
            *(
                ForeignOperator(name, "activation", in_float=True)
                for name in ("Celu", "Mish", "Selu", "Softsign", "Swish", "ThresholdedRelu")
            ),
            *(ForeignOperator(n, "arithmetic", in_float=True) for n in ("Reciprocal", "Sum")),
        )
    }
)
"""Every such operator, by its name."""
