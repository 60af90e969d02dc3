"""Two whole nets in the form in which other tools write them: Keras through tf2onnx, and a YOLO."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


@dataclass
class Written:
    """Nodes and constants of a graph, one after the other."""

    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    nodes: list[Any] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)

    def node(self, op_type: str, name: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, `NAME:0`."""
        self.nodes.append(
            helper.make_node(op_type, list(inputs), [f"{name}:0"], name, **attributes)
        )
        return f"{name}:0"

    def constant(self, name: str, array: Any) -> str:
        """An initializer."""
        self.held.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def conv(self, name: str, x: str, out: int, inner: int, side: int, **attributes: Any) -> str:
        """A Conv of random weights that keeps the size of values."""
        spread = (2 / (inner * side * side)) ** 0.5
        values = self.rng.normal(0, spread, (out, inner, side, side)).astype(np.float32)
        bias = self.rng.normal(0, 0.1, out).astype(np.float32)
        constants = [self.constant(f"{name}/w", values), self.constant(f"{name}/b", bias)]
        return self.node("Conv", name, x, *constants, **attributes)

    def saved(
        self, path: Path, image: str, shape: list[Any], ends: list[str], opset: int, tool: str
    ) -> Path:
        """The graph as a file, its outputs' shapes left open."""
        x = helper.make_tensor_value_info(image, TensorProto.FLOAT, shape)
        outputs = [helper.make_tensor_value_info(end, TensorProto.FLOAT, None) for end in ends]
        graph = helper.make_graph(self.nodes, tool, [x], outputs, self.held)
        opsets = [helper.make_opsetid("", opset)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name=tool)
        onnx.save(made, path)
        return path


def keras(path: Path) -> Path:
    """A classifier: NHWC, an open batch, SAME padding as pads, ReLU6, Flatten, Dense, Softmax."""
    w = Written()
    axes = {"perm": [0, 3, 1, 2]}
    x = w.node("Transpose", "model/stem/Conv2D__6", "input_1", **axes)
    x = w.conv("model/stem/Conv2D", x, 8, 3, 3, strides=[2, 2], pads=[0, 0, 1, 1])
    x = _relu6(w, "model/stem/Relu6", x)
    x = w.conv("model/depthwise", x, 8, 1, 3, group=8, pads=[1, 1, 1, 1])
    x = _relu6(w, "model/depthwise/Relu6", x)
    y = w.conv("model/project/Conv2D", x, 8, 8, 1)
    x = w.node("Add", "model/add/add", x, y)
    x = w.node("Transpose", "model/add__12", x, perm=[0, 2, 3, 1])
    axis = w.constant("pad/pads", np.array([0, 0, 1, 0, 0, 1, 0, 0], np.int64))
    x = w.node("Pad", "model/zero_padding2d/Pad", x, axis)  # lies in TensorFlow's order of axes
    x = w.node("Transpose", "model/pool__14", x, **axes)
    x = w.node("MaxPool", "model/pool/MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    x = w.node("Transpose", "model/pool__15", x, perm=[0, 2, 3, 1])
    shape = w.node("Shape", "model/flatten/Shape", x)
    first, end = (w.constant(f"flatten/{i}", np.array([i], np.int64)) for i in (0, 1))
    rows = w.node("Slice", "model/flatten/strided_slice", shape, first, end, first)
    rest = w.constant("flatten/rest", np.array([-1], np.int64))
    shape = w.node("Concat", "model/flatten/Reshape/shape", rows, rest, axis=0)
    x = w.node("Reshape", "model/flatten/Reshape", x, shape)
    dense = w.rng.normal(0, 0.06, (8 * 8 * 8, 10)).astype(np.float32)
    x = w.node("MatMul", "model/dense/MatMul", x, w.constant("dense/kernel", dense))
    bias = w.constant("dense/bias", w.rng.normal(0, 0.1, 10).astype(np.float32))
    x = w.node("Add", "model/dense/BiasAdd", x, bias)
    x = w.node("Softmax", "model/dense/Softmax", x, axis=1)
    return w.saved(path, "input_1", ["unk__40", 32, 32, 3], [x], 15, "tf2onnx")


def _relu6(w: Written, name: str, x: str) -> str:
    bounds = [w.constant(f"{name}/{at}", np.float32(at)) for at in (0, 6)]
    return w.node("Clip", name, x, *bounds)


def yolo(path: Path) -> Path:
    """A detector: SiLU, SPPF, a neck that doubles by nearest, three heads of (N, 2, H, W, 7)."""
    w = Written()
    x = _silu(w, "stem", w.conv("stem/conv", "images", 8, 3, 6, strides=[2, 2], pads=[2] * 4))
    maps = []
    for number, inner in enumerate((8, 12, 16)):
        name, out = f"stage.{number}", (12, 16, 16)[number]
        x = w.conv(f"{name}/conv", x, out, inner, 3, strides=[2, 2], pads=[1] * 4)
        x = _silu(w, name, x)
        maps.append(x)
    pooled = [x]
    for number in range(3):
        pool = {"kernel_shape": [5, 5], "pads": [2] * 4}
        pooled.append(w.node("MaxPool", f"sppf/pool.{number}", pooled[-1], **pool))
    x = w.node("Concat", "sppf/concat", *pooled, axis=1)
    x = _silu(w, "sppf", w.conv("sppf/conv", x, 16, 64, 1))
    scales = w.constant("up/scales", np.array([1, 1, 2, 2], np.float32))
    up = {"mode": "nearest", "nearest_mode": "floor"}
    up["coordinate_transformation_mode"] = "asymmetric"
    seen = [x]
    for number, width in ((1, 16), (0, 12)):
        x = w.node("Resize", f"up.{number}", x, "", scales, **up)
        x = w.node("Concat", f"join.{number}", x, maps[number], axis=1)
        x = w.conv(f"neck.{number}/conv", x, 16, 16 + width, 3, pads=[1] * 4)
        x = _silu(w, f"neck.{number}", x)
        seen.append(x)
    ends = [_head(w, f"head.{n}", one, 4 << n) for n, one in enumerate(seen)]
    return w.saved(path, "images", ["batch", 3, 64, 64], ends, 13, "pytorch")


def _silu(w: Written, name: str, x: str) -> str:
    return w.node("Mul", f"{name}/mul", x, w.node("Sigmoid", f"{name}/sigmoid", x))


def _head(w: Written, name: str, x: str, side: int) -> str:
    """(N, anchors, H, W, box and classes), decoded as far as sizes in pixels."""
    x = w.conv(f"{name}/conv", x, 14, 16, 1)
    apart = w.constant(f"{name}/apart", np.array([-1, 2, 7, side, side], np.int64))
    x = w.node("Reshape", f"{name}/reshape", x, apart)
    x = w.node("Transpose", f"{name}/transpose", x, perm=[0, 1, 3, 4, 2])
    x = w.node("Sigmoid", f"{name}/sigmoid", x)
    factors = w.constant(f"{name}/two", np.array([2, 2, 2, 2, 1, 1, 1], np.float32))
    return w.node("Mul", f"{name}/scaled", x, factors)
