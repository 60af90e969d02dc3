"""ONNX files: onnxruntime runs them, they obey the plan, and their bytes repeat."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from edgeconv.errors import PlanRefused, UnsupportedOperator
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx.write import write
from edgeconv.quantize.plan.affine import clamps_alike
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams
from tests.helpers.hub import run_hub, unsettle
from tests.helpers.plans import activation_params, all_values, plan_by_extremes

LEVELS = onnxruntime.GraphOptimizationLevel


class Net(nn.Module):
    """Convolutions of every kind, a residual sum, a concat, both pools, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.left = nn.Conv2d(8, 4, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.pool(self.relu(x + self.depthwise(x)))
        return self.head(torch.cat([x, self.left(x)], 1).mean((2, 3)))


@pytest.fixture(scope="module")
def feed():
    return torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(5)).numpy()


@pytest.fixture(scope="module")
def hub():
    torch.manual_seed(0)
    return capture(unsettle(Net()), torch.zeros(1, 3, 16, 16), name="net")


@pytest.fixture(scope="module")
def plan(hub, feed):
    return planned(hub, feed, {})


def planned(hub, feed, override) -> Plan:
    """The concat's output has parameters of its own; both its inputs are requantized to them."""
    joined = all_values(hub, feed)["concat"]
    params = activation_params(float(joined.min()), float(joined.max()))
    plain = plan_by_extremes(hub, feed, {"concat": params, **override})
    return dataclasses.replace(plain, requantize={Edge("concat", i): params for i in (0, 1)})


def session(path: Path, level=LEVELS.ORT_DISABLE_ALL, optimized: Path | None = None):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path: Path, feed, level=LEVELS.ORT_DISABLE_ALL):
    opened = session(path, level)
    return opened.run(None, {opened.get_inputs()[0].name: feed})[0]


def int8_file(hub, plan, path: Path, io="int8") -> onnx.ModelProto:
    write(hub, path, "int8", plan, io=io)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def sqnr_db(wanted, got) -> float:
    return 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2))


class TestFloat:
    def test_it_computes_what_the_hub_computes(self, hub, feed, tmp_path):
        write(hub, tmp_path / "m.onnx")
        onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
        wanted = run_hub(hub, feed)["logits"]
        assert np.array_equal(run(tmp_path / "m.onnx", feed), wanted)
        assert np.allclose(run(tmp_path / "m.onnx", feed, LEVELS.ORT_ENABLE_ALL), wanted, atol=1e-5)

    def test_the_same_graph_gives_the_same_bytes_whatever_the_order_of_metadata(
        self, hub, tmp_path
    ):
        write(hub, tmp_path / "a.onnx", metadata={"b": "2", "a": "1"})
        write(hub, tmp_path / "b.onnx", metadata={"a": "1", "b": "2"})
        assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()

    def test_metadata_and_producer_are_in_the_file(self, hub, tmp_path):
        write(hub, tmp_path / "m.onnx", metadata={"labels": "cat\ndog", "mean": "[0.5]"})
        proto = onnx.load(tmp_path / "m.onnx")
        assert {p.key: p.value for p in proto.metadata_props} == {
            "labels": "cat\ndog",
            "mean": "[0.5]",
        }
        assert proto.producer_name == "edgeconv"
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", 17)]

    def test_an_operator_of_another_domain_is_refused(self, hub, tmp_path):
        foreign = hub.clone()
        next(iter(foreign.graph)).domain = "com.microsoft"
        with pytest.raises(UnsupportedOperator, match=r"com\.microsoft\.Conv stem\.0"):
            write(foreign, tmp_path / "m.onnx")
        assert not (tmp_path / "m.onnx").exists()


class TestInt8:
    def test_it_is_close_to_float_with_and_without_optimizations(self, hub, plan, feed, tmp_path):
        int8_file(hub, plan, tmp_path / "m.onnx")
        wanted = run_hub(hub, feed)["logits"]
        assert sqnr_db(wanted, run(tmp_path / "m.onnx", feed)) > 25
        assert sqnr_db(wanted, run(tmp_path / "m.onnx", feed, LEVELS.ORT_ENABLE_BASIC)) > 25

    def test_every_parameter_and_integer_is_the_plans(self, hub, plan, tmp_path):
        proto = int8_file(hub, plan, tmp_path / "m.onnx")
        stored = {i.name: numpy_helper.to_array(i) for i in proto.graph.initializer}
        for name, constant in plan.constants.items():
            integers = stored[f"{name}::{constant.params.dtype}"]
            assert np.array_equal(integers, constant.values)
            assert integers.dtype == np.dtype(constant.params.dtype)
            assert np.array_equal(stored[f"{name}::scale"], constant.params.scale)
        for name, params in plan.activations.items():
            assert stored[f"{name}::scale"] == params.scale
            assert stored[f"{name}::zero_point"] == params.zero_point
            assert stored[f"{name}::zero_point"].dtype == np.int8

    def test_hub_names_stand_for_dequantized_values(self, hub, plan, tmp_path):
        proto = int8_file(hub, plan, tmp_path / "m.onnx")
        made_by = {output: node for node in proto.graph.node for output in node.output}
        for name in set(plan.activations) - {"input"}:
            assert made_by[name].op_type == "DequantizeLinear"
            assert made_by[name].input[0] == f"{name}::int8"
            assert made_by[f"{name}::int8"].op_type == "QuantizeLinear"
        assert made_by["input::int8"].input[0] == "input"

    def test_an_absorbed_activation_leaves_no_node_where_quantization_clamps_alike(
        self, hub, plan, tmp_path
    ):
        proto = int8_file(hub, plan, tmp_path / "m.onnx")
        assert not {"Relu", "Clip"} & {node.op_type for node in proto.graph.node}

    def test_a_clamp_that_quantization_does_not_imply_stays_and_clamps(self, hub, feed, tmp_path):
        wide = {"stem.2": QuantParams(np.array(np.float32(0.1)), np.array(0, np.int32))}
        proto = int8_file(hub, planned(hub, feed, wide), tmp_path / "m.onnx")
        clip = next(node for node in proto.graph.node if node.op_type == "Clip")
        assert clip.output == ["stem.2::float"]
        assert sqnr_db(run_hub(hub, feed)["logits"], run(tmp_path / "m.onnx", feed)) > 15

    def test_requantized_edges_get_a_pair_of_their_own(self, hub, plan, tmp_path):
        proto = int8_file(hub, plan, tmp_path / "m.onnx")
        concat = next(node for node in proto.graph.node if node.op_type == "Concat")
        made_by = {output: node for node in proto.graph.node for output in node.output}
        for index, source in enumerate(["pool", "left"]):
            dequantize = made_by[concat.input[index]]
            quantize = made_by[dequantize.input[0]]
            assert quantize.op_type == "QuantizeLinear"
            assert quantize.input[0] == source
            assert quantize.output == [f"{source}::int8::concat:{index}"]

    def test_only_onnxs_own_operators_are_written(self, hub, plan, tmp_path):
        proto = int8_file(hub, plan, tmp_path / "m.onnx")
        assert {node.domain for node in proto.graph.node} <= {""}
        assert {o.domain for o in proto.opset_import} == {""}

    def test_bytes_repeat_and_the_hub_stays_as_it_was(self, hub, plan, feed, tmp_path):
        before = run_hub(hub, feed)["logits"]
        int8_file(hub, plan, tmp_path / "a.onnx")
        int8_file(hub, plan, tmp_path / "b.onnx")
        assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
        assert np.array_equal(run_hub(hub, feed)["logits"], before)

    def test_float_weights_are_gone(self, hub, plan, tmp_path):
        proto = int8_file(hub, plan, tmp_path / "m.onnx")
        stored = {i.name for i in proto.graph.initializer}
        assert not stored & set(plan.constants)

    def test_onnxruntime_runs_chains_of_convolutions_on_integers(self, tmp_path, feed):
        torch.manual_seed(0)
        chain = nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
        )
        hub = capture(chain, torch.zeros(1, 3, 16, 16), name="chain")
        int8_file(hub, plan_by_extremes(hub, feed), tmp_path / "m.onnx")
        session(tmp_path / "m.onnx", LEVELS.ORT_ENABLE_ALL, tmp_path / "optimized.onnx")
        ran = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
        assert ran["QLinearConv"] == 2
        assert ran["QGemm"] == 1
        assert not {"Conv", "Gemm"} & set(ran)


class TestIo:
    def test_float32_and_int8_both_have_float_ends(self, hub, plan, tmp_path):
        for io in ("int8", "float32"):
            opened_path = tmp_path / f"{io}.onnx"
            int8_file(hub, plan, opened_path, io)
            opened = session(opened_path)
            assert opened.get_inputs()[0].type == "tensor(float)"
            assert opened.get_outputs()[0].type == "tensor(float)"

    def test_uint8_takes_pixels_and_gives_what_float_pixels_give(self, hub, feed, tmp_path):
        pixels = np.random.default_rng(0).integers(0, 256, feed.shape).astype(np.uint8)
        raw = {"input": QuantParams(np.array(np.float32(1)), np.array(-128, np.int32))}
        whole = planned(hub, pixels.astype(np.float32), raw)
        int8_file(hub, whole, tmp_path / "raw.onnx", "uint8")
        int8_file(hub, whole, tmp_path / "float.onnx", "float32")
        assert session(tmp_path / "raw.onnx").get_inputs()[0].type == "tensor(uint8)"
        got = run(tmp_path / "raw.onnx", pixels)
        assert np.array_equal(got, run(tmp_path / "float.onnx", pixels.astype(np.float32)))


class TestRefusals:
    def refused(self, hub, plan: Plan, path: Path) -> str:
        with pytest.raises(PlanRefused) as caught:
            write(hub, path, "int8", plan)
        assert not path.exists()
        return str(caught.value)

    def test_a_missing_tensor(self, hub, plan, tmp_path):
        fewer = {k: v for k, v in plan.activations.items() if k != "depthwise"}
        broken = dataclasses.replace(plan, activations=fewer)
        assert "depthwise" in self.refused(hub, broken, tmp_path / "m.onnx")

    def test_a_tensor_inside_a_fusion(self, hub, plan, tmp_path):
        more = {**plan.activations, "stem.0": plan.activations["stem.2"]}
        broken = dataclasses.replace(plan, activations=more)
        assert "stem.0" in self.refused(hub, broken, tmp_path / "m.onnx")

    def test_an_unknown_constant(self, hub, plan, tmp_path):
        more = {**plan.constants, "nowhere": plan.constants["left.weight"]}
        broken = dataclasses.replace(plan, constants=more)
        assert "nowhere" in self.refused(hub, broken, tmp_path / "m.onnx")

    def test_an_unknown_edge(self, hub, plan, tmp_path):
        edges = {**plan.requantize, Edge("nobody", 0): plan.activations["pool"]}
        broken = dataclasses.replace(plan, requantize=edges)
        assert "nobody" in self.refused(hub, broken, tmp_path / "m.onnx")

    def test_sixteen_bit_activations(self, hub, plan, tmp_path):
        wide = QuantParams(np.float32(0.01), np.int32(0), "int16")
        broken = dataclasses.replace(plan, activations={**plan.activations, "depthwise": wide})
        assert "int16" in self.refused(hub, broken, tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("scale", "zero_point", "bounds", "implied"),
    [
        (6 / 255, -128, (0, 6), True),
        (5 / 255, -128, (0, 6), True),
        (6.1 / 255, -128, (0, 6), False),
        (1.0, -128, (0, np.inf), True),
        (1.0, -127, (0, np.inf), False),
        (2 / 255, 0, (-1, 1), False),
    ],
)
def test_a_clamp_is_implied_where_its_bounds_are_the_ends_of_the_integers(
    scale, zero_point, bounds, implied
):
    stored = float(np.float32(scale))
    assert clamps_alike(stored, zero_point, "int8", bounds) is implied
    x = np.linspace(-10, 10, 4001).astype(np.float32)

    def quantized(values):
        return np.clip(np.rint(values / stored) + zero_point, -128, 127)

    assert np.array_equal(quantized(np.clip(x, *bounds)), quantized(x)) is implied
