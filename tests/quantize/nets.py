"""Small nets, random photos and a fake-quantized run of a plan, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import nn

from edgeconv.export.capture.hub import capture
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams

SIZE = 12
SHAPE = (1, 3, SIZE, SIZE)


def hub(module: nn.Module, shape: tuple[int, ...] = SHAPE) -> ir.Model:
    return capture(module.eval(), torch.zeros(shape), name="net")


def photos(count: int, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) for _ in range(count)]


def conv(inputs: int, outputs: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups)
    return nn.Sequential(layer, nn.ReLU6())


class Mobile(nn.Module):
    """Stem, an inverted residual, pooling and a classifier: MobileNetV2 in small."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = conv(3, 8)
        self.expand = conv(8, 16, 1)
        self.depthwise = conv(16, 16, 3, groups=16)
        self.project = nn.Conv2d(16, 8, 1)
        self.head = conv(8, 24, 1)
        self.classifier = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.project(self.depthwise(self.expand(x)))
        return self.classifier(self.head(x).mean((2, 3)))


def run_float(model: ir.Model, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """First output of the float graph for every input, stacked."""
    return _run(ir.to_proto(model), inputs)


def run_planned(
    model: ir.Model,
    plan: Plan,
    inputs: list[NDArray[np.float32]],
    *,
    activations: bool = True,
) -> NDArray[np.float32]:
    """The graph with the plan's integers dequantized in it, and QDQ pairs behind activations."""
    proto = ir.to_proto(model)
    graph = proto.graph
    for initializer in graph.initializer:
        if initializer.name in plan.constants:
            found = plan.constants[initializer.name]
            shape = [1] * found.values.ndim
            if found.params.axis is not None:
                shape[found.params.axis] = -1
            real = found.params.scale.reshape(shape) * (
                found.values.astype(np.int64) - found.params.zero_point.reshape(shape)
            )
            initializer.CopyFrom(numpy_helper.from_array(real.astype(np.float32), initializer.name))
    if activations:
        _insert_pairs(graph, plan)
    return _run(proto, inputs)


def sqnr_db(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(10 * np.log10((reference**2).sum() / ((reference - other) ** 2).sum()))


def _insert_pairs(graph: onnx.GraphProto, plan: Plan) -> None:
    seen: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for name in [value.name for value in graph.input]:
        nodes += _pair(graph, name, f"{name}::seen", plan.activations[name])
        seen[name] = f"{name}::seen"
    for node in list(graph.node):
        for index, name in enumerate(node.input):
            node.input[index] = seen.get(name, name)
            edge = plan.requantize.get(Edge(node.name, index))
            if edge is not None:
                nodes += _pair(graph, node.input[index], f"{node.name}::{index}", edge)
                node.input[index] = f"{node.name}::{index}"
        nodes.append(node)
        for name in node.output:
            if name in plan.activations:
                nodes += _pair(graph, name, f"{name}::seen", plan.activations[name])
                seen[name] = f"{name}::seen"
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    del graph.value_info[:]
    graph.node.extend(copies)
    for output in graph.output:
        output.name = seen[output.name]


def _pair(
    graph: onnx.GraphProto, source: str, output: str, params: QuantParams
) -> Iterator[onnx.NodeProto]:
    scale, zero = f"{output}::scale", f"{output}::zero"
    graph.initializer.append(numpy_helper.from_array(params.scale, scale))
    graph.initializer.append(numpy_helper.from_array(params.zero_point.astype(np.int8), zero))
    yield helper.make_node("QuantizeLinear", [source, scale, zero], [f"{output}::q"])
    yield helper.make_node("DequantizeLinear", [f"{output}::q", scale, zero], [output])


def _run(proto: onnx.ModelProto, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: one})[0] for one in inputs])
