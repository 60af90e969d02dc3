"""Small graphs, one for each thing a lowering must get right; each is run in float and in int8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx import helper

from tests.export.tflite.engines import ENGINES
from tests.export.tflite.graphs import of_node, of_nodes, weights


@dataclass(frozen=True)
class Case:
    """A graph and how it may be run.

    Attributes:
        make: builds the graph.
        steps: largest distance of an int8 result from the float one, None where int8 is no use.
        engines: those whose set of kernels has the operator.
    """

    make: Callable[[], ir.Model]
    steps: int | None = 1
    engines: frozenset[str] = frozenset(ENGINES)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def conv(shape: tuple[int, ...], weight: tuple[int, ...], **attributes: object) -> Case:
    def make() -> ir.Model:
        return of_node("Conv", shape, weights(*weight), weights(weight[0], seed=7), **attributes)

    return Case(make)


def conv_transpose(weight: tuple[int, ...], **attributes: object) -> Case:
    def make() -> ir.Model:
        channels = (1, weight[0], 5, 6)
        return of_node(
            "ConvTranspose", channels, weights(*weight), weights(weight[1], seed=7), **attributes
        )

    return Case(make)


def node(op_type: str, shape: tuple[int, ...], *constants: np.ndarray | None, steps: int | None = 1,
         **options: object) -> Case:  # fmt: skip
    return Case(lambda: of_node(op_type, shape, *constants, **options), steps)  # type: ignore[arg-type]


def resize(mode: str, rule: str, size: tuple[int, int], **attributes: object) -> Case:
    sizes = ints(1, 3, *size)
    return node(
        "Resize", (1, 3, 5, 6), None, None, sizes, mode=mode,
        coordinate_transformation_mode=rule, **attributes,
    )  # fmt: skip


def chain(*steps: tuple[str, dict[str, object], tuple[np.ndarray, ...]], shape: tuple[int, ...],
          int8: int | None = 1) -> Case:  # fmt: skip
    """Nodes that each read the one before, and constants."""

    def make() -> ir.Model:
        nodes, constants, last = [], {}, "x"
        for i, (op_type, attributes, arrays) in enumerate(steps):
            names = [f"c{i}_{j}" for j in range(len(arrays))]
            constants |= dict(zip(names, arrays, strict=True))
            result = "y" if i == len(steps) - 1 else f"t{i}"
            nodes.append(
                helper.make_node(op_type, [last, *names], [result], name=f"n{i}", **attributes)
            )
            last = result
        return of_nodes(nodes, {"x": shape}, constants, ["y"])

    return Case(make, int8)


IMAGE = (2, 6, 7, 8)

CONVOLUTIONS = {
    "pointwise": conv((2, 3, 5, 6), (4, 3, 1, 1)),
    "padding that is SAME": conv((1, 3, 8, 9), (4, 3, 3, 3), pads=[1, 1, 1, 1]),
    "strided SAME of an odd size": conv(
        (1, 3, 9, 7), (4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]
    ),
    "strided padding that is not SAME": conv(
        (1, 3, 8, 8), (4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2]
    ),
    "TensorFlow's padding": conv((1, 3, 8, 8), (4, 3, 3, 3), pads=[0, 0, 1, 1], strides=[2, 2]),
    "lopsided padding": conv((1, 3, 8, 8), (4, 3, 3, 3), pads=[2, 0, 1, 3]),
    "dilated": conv((1, 3, 9, 9), (4, 3, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2]),
    "wide kernel": conv((1, 3, 6, 9), (4, 3, 1, 7), pads=[0, 3, 0, 3]),
    "depthwise": conv((1, 6, 7, 7), (6, 1, 3, 3), pads=[1, 1, 1, 1], group=6),
    "depthwise, strided, explicit padding": conv(
        (1, 6, 8, 8), (6, 1, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2], group=6
    ),
    "depthwise, dilated": conv(
        (1, 6, 9, 9), (6, 1, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2], group=6
    ),
    "depthwise with multiplier": conv((1, 4, 6, 6), (12, 1, 3, 3), pads=[1, 1, 1, 1], group=4),
    "grouped": conv((1, 8, 6, 6), (12, 2, 3, 3), pads=[1, 1, 1, 1], group=4),
    "one input channel": conv((1, 1, 6, 6), (4, 1, 3, 3), pads=[1, 1, 1, 1]),
    "transposed, 2 x 2 stride 2": conv_transpose((3, 4, 2, 2), strides=[2, 2]),
    "transposed, 4 x 4 stride 2 padding 1": conv_transpose(
        (3, 4, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "transposed, 3 x 3 with output padding": conv_transpose(
        (3, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
    ),
    "transposed, 3 x 3 stride 1": conv_transpose((3, 4, 3, 3), pads=[1, 1, 1, 1]),
}

DENSE = {
    "Gemm, weight in rows": node("Gemm", (2, 5), weights(4, 5), weights(4, seed=7), transB=1),
    "Gemm, weight in columns": node("Gemm", (2, 5), weights(4, 5).T.copy(), weights(4, seed=7)),
    "MatMul": node("MatMul", (2, 5), weights(4, 5).T.copy()),
    "MatMul of a sequence": node("MatMul", (2, 3, 5), weights(4, 5).T.copy()),
    "MatMul of an image's columns": node("MatMul", (1, 2, 3, 5), weights(4, 5).T.copy()),
}

POOLS = {
    "max, 2 x 2": node("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "max, SAME": node(
        "MaxPool", (1, 3, 7, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "max, padding that is not SAME": node(
        "MaxPool", (1, 3, 8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "max, ceil mode": node(
        "MaxPool", (1, 3, 8, 7), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "max, ceil mode and padding": node(
        "MaxPool", (1, 3, 9, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1]
    ),
    "average, 2 x 2": node("AveragePool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]),
    "average, SAME without padding counted": node(
        "AveragePool", (1, 3, 7, 7), kernel_shape=[3, 3], pads=[1, 1, 1, 1]
    ),
    "average, padding counted": node(
        "AveragePool", (1, 3, 7, 7), kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average, padding neither counted nor SAME": node(
        "AveragePool", (1, 3, 8, 8), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], steps=2
    ),
    "average, ceil mode": node(
        "AveragePool", (1, 3, 8, 7), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, steps=2
    ),
    "average, ceil mode, padding counted": node(
        "AveragePool",
        (1, 3, 8, 8),
        kernel_shape=[3, 3],
        strides=[2, 2],
        ceil_mode=1,
        pads=[1, 1, 1, 1],
        count_include_pad=1,
        steps=2,
    ),
    "global average": node("GlobalAveragePool", IMAGE),
    "global maximum": node("GlobalMaxPool", IMAGE),
    "mean over the image": node("ReduceMean", IMAGE, axes=[2, 3], keepdims=0),
    "mean over channels": node("ReduceMean", IMAGE, axes=[1], keepdims=1),
    "mean over channels, gone": node("ReduceMean", IMAGE, axes=[1], keepdims=0),
    "maximum over rows": node("ReduceMax", IMAGE, axes=[-2], keepdims=1),
    "sum over channels": node("ReduceSum", IMAGE, ints(1), keepdims=0),
    "length of channels": node("ReduceL2", IMAGE, axes=[1], keepdims=1),
    "length of rows, gone": node("ReduceL2", IMAGE, axes=[-1], keepdims=0),
}

ELEMENTWISE = {
    "Add": node("Add", IMAGE, inputs=[IMAGE]),
    "Add of a channel vector": node("Add", IMAGE, weights(6, 1, 1)),
    "Sub": node("Sub", IMAGE, inputs=[IMAGE]),
    "Mul by a gate for each channel": node("Mul", IMAGE, inputs=[(2, 6, 1, 1)]),
    "Mul by a map for all channels": node("Mul", IMAGE, inputs=[(2, 1, 7, 8)]),
    "Mul by a constant row": node("Mul", IMAGE, weights(8)),
    "Mul by a computed row of fewer axes": node("Mul", IMAGE, inputs=[(7, 8)]),
    "Mul by a number": node("Mul", IMAGE, floats(0.5)),
    "Sub from a constant": Case(
        lambda: of_nodes(
            [helper.make_node("Sub", ["c", "x"], ["y"], name="n")],
            {"x": IMAGE},
            {"c": weights(6, 1, 1)},
            ["y"],
        )
    ),
    "Div by a constant": node("Div", IMAGE, floats(4.0)),
    "Max": node("Max", IMAGE, inputs=[IMAGE]),
    "Min with a number": node("Min", IMAGE, floats(1.0)),
    "Abs": node("Abs", IMAGE),
    "Neg": node("Neg", IMAGE),
    "Exp": chain(("Mul", {}, (floats(0.3),)), ("Exp", {}, ()), shape=IMAGE, int8=2),
    "Sqrt": chain(("Abs", {}, ()), ("Sqrt", {}, ()), shape=IMAGE, int8=None),
    "Log": chain(("Exp", {}, ()), ("Log", {}, ()), shape=IMAGE, int8=None),
    "square": node("Pow", IMAGE, floats(2.0)),
    "cube": node("Pow", IMAGE, floats(3.0)),
}

ACTIVATIONS = {
    "Relu": node("Relu", IMAGE),
    "ReLU6": node("Clip", IMAGE, np.float32(0), np.float32(6)),
    "Clip to -1, 1": node("Clip", IMAGE, np.float32(-1), np.float32(1)),
    "Clip to 0, 1": node("Clip", IMAGE, np.float32(0), np.float32(1)),
    "Clip to other bounds": node("Clip", IMAGE, np.float32(-2), np.float32(4)),
    "Clip below": node("Clip", IMAGE, np.float32(-2)),
    "Sigmoid": node("Sigmoid", IMAGE),
    "Tanh": node("Tanh", IMAGE),
    "HardSwish": node("HardSwish", IMAGE),
    "HardSigmoid of PyTorch": node("HardSigmoid", IMAGE, alpha=1 / 6, beta=0.5),
    "HardSigmoid of ONNX": node("HardSigmoid", IMAGE, alpha=0.2, beta=0.5),
    "LeakyRelu": node("LeakyRelu", IMAGE, alpha=0.1),
    "PRelu": node("PRelu", IMAGE, np.abs(weights(6, 1, 1))),
    # Neither set of reference kernels has ELU.
    "Elu": Case(lambda: of_node("Elu", IMAGE), engines=frozenset({"xnnpack"})),
    "Softmax": node("Softmax", (2, 10)),
    "Softmax over channels": node("Softmax", IMAGE, axis=1),
    "Softmax over rows": node("Softmax", IMAGE, axis=2),
    "LogSoftmax": node("LogSoftmax", (2, 10)),
    "Softplus": node("Softplus", IMAGE),
    "Softplus of large values": chain(
        ("Mul", {}, (floats(100),)), ("Softplus", {}, ()), shape=IMAGE, int8=2
    ),
}

SHAPES = {
    "Flatten of one pixel": node("Flatten", (2, 6, 1, 1)),
    "Flatten of an image": node("Flatten", IMAGE),
    "Reshape to more channels": node("Reshape", IMAGE, ints(2, 3, 14, 8)),
    "Reshape that splits no axis evenly": node("Reshape", (1, 3, 4, 5), ints(1, 4, 5, 3)),
    "image to rows": node("Reshape", IMAGE, ints(2, 6, 56)),
    "rows to image": node("Reshape", (2, 6, 56), ints(2, 6, 7, 8)),
    "Squeeze": node("Squeeze", (2, 6, 1, 8), ints(2)),
    "Unsqueeze": node("Unsqueeze", (2, 6, 8), ints(2)),
    "Transpose to NHWC": node("Transpose", IMAGE, perm=[0, 2, 3, 1]),
    "Transpose of rows": node("Transpose", (2, 5, 6), perm=[0, 2, 1]),
    "channel shuffle": chain(
        ("Reshape", {}, (ints(1, 2, 3, 7, 8),)),
        ("Transpose", {"perm": [0, 2, 1, 3, 4]}, ()),
        ("Reshape", {}, (ints(1, 6, 7, 8),)),
        ("Relu", {}, ()),
        shape=(1, 6, 7, 8),
    ),
    "tokens of an image": chain(
        ("Reshape", {}, (ints(2, 6, 56),)),
        ("Transpose", {"perm": [0, 2, 1]}, ()),
        ("MatMul", {}, (weights(4, 6).T.copy(),)),
        shape=IMAGE,
    ),
    "channels last and back": chain(
        ("Transpose", {"perm": [0, 2, 3, 1]}, ()),
        ("MatMul", {}, (weights(6, 6, seed=3),)),
        ("Transpose", {"perm": [0, 3, 1, 2]}, ()),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
    "Flatten, then Gemm": chain(
        ("Flatten", {}, ()),
        ("Gemm", {"transB": 1}, (weights(5, 6 * 7 * 8), weights(5, seed=3))),
        shape=IMAGE,
    ),
    "Flatten, Relu, scale, then Gemm": chain(
        ("Flatten", {}, ()),
        ("Relu", {}, ()),
        ("Mul", {}, (floats(2.0),)),
        ("Gemm", {"transB": 1}, (weights(5, 6 * 7 * 8), weights(5, seed=3))),
        shape=IMAGE,
        int8=2,
    ),
    "Flatten, then a constant for each feature": chain(
        ("Flatten", {}, ()),
        ("Add", {}, (weights(336),)),
        shape=IMAGE,
    ),
    "Flatten, then columns cut out": chain(
        ("Flatten", {}, ()),
        ("Slice", {}, (ints(10), ints(99), ints(1))),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
}

SLICES = {
    "Concat of channels": node("Concat", IMAGE, inputs=[(2, 4, 7, 8)], axis=1),
    "Concat of rows": node("Concat", IMAGE, inputs=[IMAGE, IMAGE], axis=-2),
    "Concat of a constant": Case(
        lambda: of_nodes(
            [helper.make_node("Concat", ["c", "x"], ["y"], name="n", axis=1)],
            {"x": IMAGE},
            {"c": weights(2, 3, 7, 8)},
            ["y"],
        )
    ),
    "Tile": node("Tile", IMAGE, ints(1, 2, 1, 3)),
    "Expand of a row": node("Expand", (2, 6, 1, 8), ints(2, 6, 7, 8)),
    "Expand to more axes": node("Expand", (7, 1), ints(2, 6, 7, 8)),
    "Split in halves": node("Split", IMAGE, outputs=2, axis=1),
    "Split unevenly": node("Split", IMAGE, ints(1, 2, 3), outputs=3, axis=1),
    "Split in seven": node("Split", IMAGE, outputs=7, axis=2),
    "Slice of channels": node("Slice", IMAGE, ints(1), ints(5), ints(1)),
    "Slice from the end": node("Slice", IMAGE, ints(-3, 1), ints(9999, 6), ints(3, 2)),
    "Slice with steps": node("Slice", IMAGE, ints(0, 1), ints(6, 7), ints(1, 2), ints(2, 3)),
    "Slice backwards": node("Slice", IMAGE, ints(-1), ints(-9999), ints(1), ints(-1)),
    "Gather of one channel": node("Gather", IMAGE, np.array(2), axis=1),
    "Gather of some rows": node("Gather", IMAGE, ints(3, 0, -1), axis=2),
}

SPATIAL = {
    "Pad": node("Pad", IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0)),
    "Pad with a number": node("Pad", IMAGE, ints(0, 1, 0, 0, 0, 1, 0, 0), np.float32(-1)),
    "Pad by reflection": node("Pad", IMAGE, ints(0, 0, 2, 1, 0, 0, 2, 1), mode="reflect"),
    "Pad by one edge": node("Pad", IMAGE, ints(0, 0, 1, 1, 0, 0, 1, 1), mode="edge"),
    "Pad by three edges": node("Pad", IMAGE, ints(0, 0, 1, 3, 0, 0, 3, 0), mode="edge"),
    "nearest, PyTorch": resize("nearest", "asymmetric", (10, 12), nearest_mode="floor"),
    "nearest, uneven": resize("nearest", "asymmetric", (7, 9), nearest_mode="floor"),
    "nearest, half pixel": resize(
        "nearest", "half_pixel", (10, 12), nearest_mode="round_prefer_ceil"
    ),
    "bilinear, half pixel": resize("linear", "half_pixel", (10, 12)),
    "bilinear, PyTorch": resize("linear", "pytorch_half_pixel", (7, 9)),
    "bilinear, corners aligned": resize("linear", "align_corners", (9, 11)),
    "bilinear, smaller": resize("linear", "half_pixel", (3, 4)),
    "DepthToSpace, rows first": node("DepthToSpace", (2, 12, 3, 4), blocksize=2, mode="DCR"),
    "pixel shuffle": node("DepthToSpace", (2, 12, 3, 4), blocksize=2, mode="CRD"),
    "SpaceToDepth": node("SpaceToDepth", (2, 3, 4, 6), blocksize=2),
}

FUSED = {
    "Conv and ReLU6": chain(
        ("Conv", {}, (weights(4, 6, 1, 1), weights(4, seed=7))),
        ("Clip", {}, (np.array(0, np.float32), np.array(6, np.float32))),
        shape=IMAGE,
    ),
    "Add and Relu": chain(("Add", {}, (weights(6, 1, 1),)), ("Relu", {}, ()), shape=IMAGE),
}

NORMALIZATIONS = {
    "LayerNormalization of rows": node(
        "LayerNormalization", (2, 5), weights(5), weights(5, seed=7)
    ),
    "LayerNormalization of an image": node(
        "LayerNormalization", IMAGE, weights(6, 7, 8), weights(6, 7, 8, seed=7), axis=1
    ),
    "LayerNormalization without an offset": node(
        "LayerNormalization", IMAGE, floats(*[1] * 8), epsilon=0.1
    ),
    "channels last, LayerNormalization and back": chain(
        ("Transpose", {"perm": [0, 2, 3, 1]}, ()),
        ("LayerNormalization", {}, (weights(6), weights(6, seed=7))),
        ("Transpose", {"perm": [0, 3, 1, 2]}, ()),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
    "InstanceNormalization": node("InstanceNormalization", IMAGE, weights(6), weights(6, seed=7)),
    "InstanceNormalization of rows": node(
        "InstanceNormalization", (2, 6, 9), weights(6), weights(6, seed=7)
    ),
    "InstanceNormalization of five axes": node(
        "InstanceNormalization", (2, 3, 2, 4, 5), weights(3), weights(3, seed=7)
    ),
    "groups of channels, normalized": chain(
        ("Reshape", {}, (ints(2, 3, 2, 7, 8),)),
        ("InstanceNormalization", {}, (floats(1, 1, 1), floats(0, 0, 0))),
        ("Reshape", {}, (ints(2, 6, 7, 8),)),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
    "LRN over three channels": node("LRN", IMAGE, size=3, alpha=0.5, beta=0.75, bias=2.0),
    "LRN with a root": node("LRN", IMAGE, size=3, alpha=0.5, beta=0.5),
    "LRN to another power": node("LRN", IMAGE, size=5, alpha=0.1, beta=0.6),
}

CASES: dict[str, Case] = {
    **CONVOLUTIONS,
    **DENSE,
    **POOLS,
    **ELEMENTWISE,
    **ACTIVATIONS,
    **SHAPES,
    **SLICES,
    **SPATIAL,
    **FUSED,
    **NORMALIZATIONS,
}
