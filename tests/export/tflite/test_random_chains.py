"""Whatever a module does to its axes, the file gives the right values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx
import onnx_ir as ir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.graphs import of_nodes, weights
from tests.helpers.tflite_bytes import tflite_bytes

Shape = tuple[int, ...]


class Chain:
    """Nodes that each read the one before; knows the shape it has come to."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def add(self, op_type: str, shape: Shape, *constants: np.ndarray, **attributes: object) -> None:
        number = len(self.nodes)
        names = [f"c{number}_{i}" for i in range(len(constants))]
        self.constants |= dict(zip(names, constants, strict=True))
        inputs = [self.last, *names, *([self.last] if op_type == "Concat" else [])]
        self.nodes.append(
            helper.make_node(op_type, inputs, [f"t{number}"], name=f"n{number}", **attributes)
        )
        self.shape = shape

    @property
    def last(self) -> str:
        return f"t{len(self.nodes) - 1}" if self.nodes else "x"

    def model(self, shape: Shape) -> ir.Model:
        return of_nodes(self.nodes, {"x": shape}, self.constants, [self.last])


def reshape(chain: Chain, draw: st.DrawFn) -> None:
    factors = [
        f
        for size in chain.shape
        for f in ([2, 2] if size == 4 else [2, 3] if size == 6 else [size])
    ]
    cuts = draw(st.sets(st.integers(1, max(len(factors) - 1, 1)), max_size=3))
    bounds = [0, *sorted(c for c in cuts if c < len(factors)), len(factors)]
    shape = tuple(math.prod(factors[a:b]) for a, b in itertools.pairwise(bounds))
    chain.add("Reshape", shape, np.array(shape, np.int64))


def transpose(chain: Chain, draw: st.DrawFn) -> None:
    perm = draw(st.permutations(range(len(chain.shape))))
    chain.add("Transpose", tuple(chain.shape[a] for a in perm), perm=perm)


def relu(chain: Chain, draw: st.DrawFn) -> None:
    chain.add("Relu", chain.shape)


def add(chain: Chain, draw: st.DrawFn) -> None:
    start = draw(st.integers(0, len(chain.shape) - 1))
    shape = tuple(s if draw(st.booleans()) else 1 for s in chain.shape[start:])
    chain.add("Add", chain.shape, weights(*shape))


def softmax(chain: Chain, draw: st.DrawFn) -> None:
    axis = draw(st.integers(0, len(chain.shape) - 1))
    if chain.shape[axis] <= 256:  # past 512 equal values the int8 reference kernel aborts
        chain.add("Softmax", chain.shape, axis=axis)


def mean(chain: Chain, draw: st.DrawFn) -> None:
    axis, keep = draw(st.integers(0, len(chain.shape) - 1)), draw(st.booleans())
    if len(chain.shape) == 1:
        keep = True
    shape = [1 if a == axis else s for a, s in enumerate(chain.shape) if keep or a != axis]
    chain.add("ReduceMean", tuple(shape), axes=[axis], keepdims=int(keep))


def concat(chain: Chain, draw: st.DrawFn) -> None:
    axis = draw(st.integers(0, len(chain.shape) - 1))
    shape = tuple(2 * s if a == axis else s for a, s in enumerate(chain.shape))
    chain.add("Concat", shape, axis=axis)


def matmul(chain: Chain, draw: st.DrawFn) -> None:
    if len(chain.shape) > 1:
        chain.add("MatMul", (*chain.shape[:-1], 3), weights(chain.shape[-1], 3))


LINKS = [reshape, transpose, relu, add, softmax, mean, concat, matmul]


@st.composite
def chains(draw: st.DrawFn) -> tuple[Shape, ir.Model]:
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=4, max_size=4)))
    chain = Chain(shape)
    for link in draw(st.lists(st.sampled_from(LINKS), min_size=2, max_size=6)):
        link(chain, draw)
    if not chain.nodes:
        relu(chain, draw)
    return shape, chain.model(shape)


@settings(max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chains())
def test_a_float_file_gives_what_onnxruntime_gives(case: tuple[Shape, ir.Model]) -> None:
    _, model = case
    inputs = graphs.feeds(model)
    (wanted,) = graphs.reference(model, inputs).values()
    (found,) = engines.run(engines.reference_kernels, tflite_bytes(model), inputs).values()
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 1e-5 * max(np.abs(wanted).max(), 1e-3)


@settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck))
@given(chains())
def test_an_int8_file_follows_the_float_graph(case: tuple[Shape, ir.Model]) -> None:
    """A few steps for each node: roundings add up along a chain, a wrong order would be far off."""
    _, model = case
    inputs = graphs.feeds(model)
    plan = plans.minmax(model, inputs)
    integers = {"x": plans.quantize(inputs["x"], plan.activations["x"])}
    reals = {"x": plans.dequantize(integers["x"], plan.activations["x"])}
    ((name, wanted),) = graphs.reference(plans.on_grid(model, plan), reals).items()
    data = tflite_bytes(model, "int8", plan)
    (found,) = engines.run(engines.reference_kernels, data, integers).values()
    steps = found.astype(int) - plans.quantize(wanted, plan.activations[name])
    assert np.abs(steps).mean() <= 2 * sum(1 for _ in model.graph)
