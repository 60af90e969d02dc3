"""Kinds of operators, by the names ONNX, onnxruntime and TFLite give them."""

from __future__ import annotations

#: Operators that only move values to another layout.
LAYOUT_CHANGES = frozenset({"Transpose", "TRANSPOSE"})

#: Operators that give the memory they read another shape and touch none of it.
VIEWS = frozenset(
    {
        *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"),
        *("RESHAPE", "SQUEEZE", "EXPAND_DIMS"),
    }
)

#: Operators that copy values to where they are wanted.
MOVES = LAYOUT_CHANGES | frozenset(
    {
        *("Concat", "Split", "Slice", "Gather", "Pad", "Expand", "Tile", "QLinearConcat"),
        *("DepthToSpace", "SpaceToDepth"),
        *("CONCATENATION", "SPLIT", "SPLIT_V", "SLICE", "STRIDED_SLICE", "GATHER", "PAD", "PADV2"),
        *("MIRROR_PAD", "PACK", "UNPACK", "BROADCAST_TO", "TILE", "DEPTH_TO_SPACE"),
        *("SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "REVERSE_V2"),
    }
)

#: Operators that compute each output value from the input values at its place.
ELEMENT_WISE = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Sum", "Min", "Max", "Pow", "Neg", "Abs", "Sqrt", "Exp"),
        *("Log", "Reciprocal", "Where", "Cast", "BatchNormalization", "Relu", "Clip", "PRelu"),
        *("LeakyRelu", "Elu", "Celu", "Selu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish"),
        *("Mish", "Swish", "Softplus", "Softsign", "Tanh", "Erf", "ThresholdedRelu"),
        *("QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu"),
        *("QuantizeLinear", "DequantizeLinear"),
        *("ADD", "ADD_N", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "POW", "NEG", "ABS", "SQRT"),
        *("RSQRT", "SQUARE", "SQUARED_DIFFERENCE", "EXP", "LOG", "SELECT", "SELECT_V2", "CAST"),
        *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "PRELU", "LEAKY_RELU", "ELU", "GELU"),
        *("LOGISTIC", "HARD_SWISH", "TANH", "QUANTIZE", "DEQUANTIZE"),
    }
)

#: Convolutions and matrix products; a multiply-add is theirs alone.
CONVOLUTIONS = frozenset(
    {
        *("Conv", "ConvTranspose", "ConvInteger", "QLinearConv"),
        *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D", "CONV_3D_TRANSPOSE"),
    }
)

#: Poolings over a window; a mean over the whole image is none.
POOLINGS = frozenset(
    {
        *("MaxPool", "AveragePool", "LpPool", "QLinearAveragePool"),
        *("MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D"),
    }
)

#: Operators that change the type alone.
CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear", "QUANTIZE", "DEQUANTIZE"})
