"""Small nets as other tools save them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

SIDE = 32


class Block(nn.Module):
    """A convolution with a BatchNorm before it is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU6(),
            nn.Conv2d(2 * channels, channels, 3, padding=1),
        )
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Adds what the branch makes."""
        out: torch.Tensor = x + self.bn(self.conv(x))
        return out


class Twin(nn.Module):
    """A classifier whose node names are those of a traced net."""

    preprocessing = {  # noqa: RUF012
        "input_size": [SIDE, SIDE],
        "resize": 36,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }

    def __init__(self, *, resizes: bool = False) -> None:
        super().__init__()
        self.resizes = resizes
        torch.manual_seed(3)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish(), Block(8), nn.MaxPool2d(2)
        )
        self.head = nn.Linear(8, 4)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]  # a tensor
                nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]  # a tensor
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, 4)."""
        x = self.features(x)
        left, right = x.chunk(2, 1)
        x = torch.cat([right, nn.functional.hardswish(left)], 1)
        if self.resizes:
            x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
        logits: torch.Tensor = self.head(x.mean((2, 3)))
        return logits


def twin() -> Twin:
    """The classifier."""
    return Twin()


def traced(path: Path, opset: int = 17, *, resizes: bool = False, **options: Any) -> Path:
    """The classifier as torch.onnx.export writes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Twin(resizes=resizes),
            (torch.zeros(1, 3, SIDE, SIDE),),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["image"],
            output_names=["scores"],
            **options,
        )
    return path


def channels_last(path: Path, shape: tuple[Any, ...] = ("n", SIDE, SIDE, 3)) -> Path:
    """A net of TensorFlow's kind: NHWC at both ends, NCHW between, three outputs."""
    rng = np.random.default_rng(0)

    def weights(name: str, *dims: int) -> TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.3, dims).astype(np.float32), name)

    nodes = [
        helper.make_node("Transpose", ["image"], ["nchw"], "net/in", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "w"], ["x"], "net/conv", strides=[2, 2]),
        helper.make_node("Relu", ["x"], ["y"], "net/relu"),
        helper.make_node("Conv", ["y", "v"], ["m"], "net/mask"),
        helper.make_node("Transpose", ["m"], ["mask"], "net/out", perm=[0, 2, 3, 1]),
        helper.make_node("GlobalAveragePool", ["y"], ["pooled"], "net/pool"),
        helper.make_node("Flatten", ["pooled"], ["features"], "net/flat"),
        helper.make_node("Gemm", ["features", "h", "b"], ["scores"], "net/head"),
        helper.make_node("Transpose", ["y"], ["turned"], "net/turn", perm=[0, 2, 3, 1]),
        helper.make_node("Sigmoid", ["turned"], ["heat"], "net/heat"),
    ]
    held = [weights("w", 8, 3, 3, 3), weights("v", 2, 8, 1, 1), weights("h", 8, 5), weights("b", 5)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in ("scores", "mask", "heat")
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))
    return saved(path, nodes, image, ends, held)


def saved(
    path: Path, nodes: list[Any], image: Any, ends: list[Any], held: list[Any], opset: int = 13
) -> Path:
    """A graph as a file."""
    graph = helper.make_graph(nodes, "net", [image], ends, held)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def changed(path: Path, shape: list[Any] | None = None, node: Any = None) -> Path:
    """The file with another input shape, or with a node more behind its output."""
    model = onnx.load(path)
    if shape is not None:
        image = helper.make_tensor_value_info(model.graph.input[0].name, TensorProto.FLOAT, shape)
        model.graph.input[0].CopyFrom(image)
    if node is not None:
        model.graph.node.append(node)
        model.graph.output[0].name = node.output[0]
    onnx.save(model, path)
    return path


def composed(path: Path, op_type: str, opset: int, **attributes: Any) -> Path:
    """A net with one operator that ONNX composes of others, or of several tensors."""
    rng = np.random.default_rng(0)
    held = [
        numpy_helper.from_array(rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(np.ones(8, np.float32), "one"),
        numpy_helper.from_array(np.zeros(8, np.float32), "zero"),
    ]
    reads = {"GroupNormalization": ["x", "one", "zero"]}.get(op_type, ["x"])
    if op_type in ("Sum", "Mean"):
        reads = ["x", "x2", "x3"]
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["x"], "conv"),
        helper.make_node("Relu", ["x"], ["x2"], "relu"),
        helper.make_node("Sigmoid", ["x"], ["x3"], "sigmoid"),
        helper.make_node(op_type, reads, ["y"], "own", **attributes),
        helper.make_node("Mul", ["y", "x3"], ["p"], "mul"),
        helper.make_node("Add", ["p", "x2"], ["map"], "add"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    ends = [helper.make_tensor_value_info("map", TensorProto.FLOAT, None)]
    return saved(path, nodes, image, ends, held, opset)
