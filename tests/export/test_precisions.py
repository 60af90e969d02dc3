"""Files between float32 and int8, on the engines and beside TensorFlow's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.export.tflite.schema import schema
from edgeconv.quantize.plan.int16 import int16_plan, with_planned_weights
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from tests.quantize.nets import Mobile, hub, photos, run_float, sqnr_db

STORED = ("float16", "weight-only-int8", "dynamic-int8")
#: Least SQNR of the logits. A rounding to eleven bits is worth some 60 dB, one to eight bits 45 dB.
LEAST_DB = {"float16": 60, "weight-only-int8": 40, "dynamic-int8": 35, "int16x8": 40}


class Mixed(nn.Module):
    """Operators with and without kernels for 16 bits, a shared scale, and a constant operand."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.left = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.right = nn.Conv2d(8, 8, 1, bias=False)
        self.scale = nn.Parameter(torch.rand(1, 16, 1, 1) + 0.5)
        self.classifier = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.hardswish(self.stem(x))
        x = torch.cat([torch.relu(self.left(x)), torch.sigmoid(self.right(x)) - x], 1)
        x = torch.nn.functional.max_pool2d(x * self.scale, 2) * torch.sigmoid(x.mean((2, 3), True))
        x = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.classifier(torch.nn.functional.avg_pool2d(x, 3).flatten(2).amax(2))


NETS = {"mobile": Mobile, "mixed": Mixed}


@pytest.fixture(scope="module", params=NETS)
def graph(request: pytest.FixtureRequest):
    inputs = photos(12)
    model = hub(NETS[request.param]())
    return model, quantize(model, lambda: iter(inputs), recipe="fast")


def write(graph, precision: str, path: Path) -> None:
    model, planned = graph
    writer = onnx_writer if path.suffix == ".onnx" else tflite
    metadata = {} if writer is onnx_writer else None
    if precision == "float16":
        writer.write(model, path, "float16", metadata=metadata)
        return
    plan = planned.plan
    if precision == "int16x8":
        plan = int16_plan(planned.model, planned.observations, plan)
    exact = with_planned_weights(planned.model, planned.plan)
    writer.write(exact, path, precision, plan, metadata=metadata)


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("precision", [*STORED, "int16x8"])
def test_every_file_gives_the_float_nets_logits(
    graph, precision: str, suffix: str, kernels, tmp_path: Path
) -> None:
    path = tmp_path / f"net{suffix}"
    write(graph, precision, path)
    images = photos(8, seed=3)
    logits = run_logits(
        open_session(path, SessionOptions(kernels=kernels)), Images(np.concatenate(images))
    )
    wanted = run_float(graph[0], images).reshape(8, -1)
    assert sqnr_db(wanted, logits) >= LEAST_DB[precision]


@pytest.mark.parametrize("precision", ["float16", "weight-only-int8"])
def test_both_formats_hold_the_same_weights(graph, precision: str, tmp_path: Path) -> None:
    """They compute in float, so equal weights show as equal logits."""
    images = Images(np.concatenate(photos(4, seed=3)))
    logits = []
    for suffix in (".onnx", ".tflite"):
        write(graph, precision, tmp_path / f"net{suffix}")
        logits.append(run_logits(open_session(tmp_path / f"net{suffix}"), images))
    wanted = run_float(graph[0], photos(4, seed=3)).reshape(4, -1)
    apart = np.abs(logits[0] - logits[1]).max()
    assert apart <= 1e-5 * np.abs(wanted).max()
    assert apart < 0.05 * np.abs(logits[0] - wanted).max()


@pytest.mark.parametrize("precision", [*STORED, "int16x8"])
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_weights_take_half_or_a_quarter(suffix: str, precision: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Conv2d(3, 128, 3), nn.ReLU(), nn.Conv2d(128, 128, 3), nn.Flatten())
    model, inputs = hub(wide), photos(4)
    graph = model, quantize(model, lambda: iter(inputs), recipe="fast")
    path = tmp_path / f"net{suffix}"
    write(graph, precision, path)
    values = 3 * 128 * 9 + 128 * 128 * 9
    each = 2 if precision == "float16" else 1
    assert each * values <= path.stat().st_size <= each * values + 16_000


def kinds(path: Path) -> list[str]:
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    graph = model.Subgraphs(0)
    return [
        f"{names[codes[graph.Operators(i).OpcodeIndex()].BuiltinCode()]}"
        f" {codes[graph.Operators(i).OpcodeIndex()].Version()}"
        for i in range(graph.OperatorsLength())
    ]


class TestBesideTensorFlow:
    """What TensorFlow's converter makes of the same small net, operator by operator."""

    @staticmethod
    def keras():
        tf = pytest.importorskip("tensorflow")
        layers, bias = tf.keras.layers, {"bias_initializer": "uniform"}
        return tf, tf.keras.Sequential(
            [
                layers.Input((12, 12, 3), batch_size=1),
                layers.Conv2D(
                    32, 3, padding="valid", activation="relu", bias_initializer="uniform"
                ),
                layers.DepthwiseConv2D(3, padding="valid", **bias),
                layers.GlobalAveragePooling2D(),
                layers.Dense(64, **bias),
            ]
        )

    @staticmethod
    def ours() -> nn.Module:
        class Same(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a = nn.Conv2d(3, 32, 3)
                self.b = nn.Conv2d(32, 32, 3, groups=32)
                self.c = nn.Linear(32, 64)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.c(self.b(torch.relu(self.a(x))).mean((2, 3)))

        return Same()

    @pytest.mark.parametrize("precision", ["float16", "dynamic-int8", "int16x8"])
    def test_operators_and_versions(self, precision: str, tmp_path: Path) -> None:
        tf, net = self.keras()
        converter = tf.lite.TFLiteConverter.from_keras_model(net)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int16x8":
            scheme = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
            converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, scheme)]
            converter.representative_dataset = lambda: (
                [x.transpose(0, 2, 3, 1)] for x in photos(4)
            )
        theirs = tmp_path / "theirs.tflite"
        theirs.write_bytes(converter.convert())
        model, inputs = hub(self.ours()), photos(4)
        graph = model, quantize(model, lambda: iter(inputs), recipe="fast")
        mine = tmp_path / "mine.tflite"
        write(graph, precision, mine)
        assert _codes(mine) == _codes(theirs)


def _codes(path: Path) -> Counter[str]:
    """How often each operator stands in a file."""
    return Counter(kind.split()[0] for kind in kinds(path))


def test_dynamic_weights_are_multiplied_as_integers(graph, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    write(graph, "dynamic-int8", path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(path, options)
    run = [node.op_type for node in onnx.load(tmp_path / "run.onnx").graph.node]
    assert not {"Conv", "FusedConv", "Gemm", "MatMul"} & set(run)
    assert "ConvInteger" in run


def test_int16_needs_the_opset_that_has_it(graph, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    write(graph, "int16x8", path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 21)]
    types = {t.data_type for t in model.graph.initializer if t.name.endswith("::zero_point")}
    assert types == {onnx.TensorProto.INT8, onnx.TensorProto.INT16}


def test_operators_without_a_16_bit_kernel_are_islands(tmp_path: Path) -> None:
    inputs, model = photos(12), hub(Mixed())
    graph = model, quantize(model, lambda: iter(inputs), recipe="fast")
    path = tmp_path / "net.tflite"
    write(graph, "int16x8", path)
    found = kinds(path)
    at = found.index("HARD_SWISH 1")
    assert found[at - 1].startswith("DEQUANTIZE")
    assert found[at + 1].startswith("QUANTIZE")
    assert found[0].startswith("QUANTIZE")
    assert found[-1].startswith("DEQUANTIZE")


def test_a_weight_too_large_for_float16_stays_float32(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1))
    with torch.no_grad():
        net[1].weight *= 1e6
    model = hub(net)
    onnx_writer.write(model, tmp_path / "net.onnx", "float16")
    held = {i.name: i.data_type for i in onnx.load(tmp_path / "net.onnx").graph.initializer}
    assert held["1.weight"] == onnx.TensorProto.FLOAT
    assert held["0.weight::float16"] == onnx.TensorProto.FLOAT16
    tflite.write(model, tmp_path / "net.tflite", "float16")
    images = photos(2)
    wanted = run_float(model, images).reshape(2, -1)
    for suffix in (".onnx", ".tflite"):
        session = open_session(tmp_path / f"net{suffix}")
        (got,) = zip(*[session.run([_as_fed(session, x)]) for x in images], strict=True)
        whole = [y.transpose(0, 3, 1, 2) if suffix == ".tflite" else y for y in got]
        assert sqnr_db(wanted, np.concatenate(whole).reshape(2, -1)) > 50


def _as_fed(session, x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if session.engine == "litert" else x


@pytest.mark.parametrize("precision", [*STORED, "int16x8"])
@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_ends_are_float32_under_the_hubs_names(
    graph, precision: str, suffix: str, tmp_path: Path
) -> None:
    write(graph, precision, tmp_path / f"net{suffix}")
    session = open_session(tmp_path / f"net{suffix}")
    ends = [(spec.name, spec.dtype) for spec in (*session.inputs, *session.outputs)]
    assert ends == [("input", np.float32), ("logits", np.float32)]


def test_the_hub_graph_stays_as_it_is(graph, tmp_path: Path) -> None:
    before = ir.to_proto(graph[0]).SerializeToString(deterministic=True)
    for precision in (*STORED, "int16x8"):
        for suffix in (".onnx", ".tflite"):
            write(graph, precision, tmp_path / f"net{suffix}")
    assert ir.to_proto(graph[0]).SerializeToString(deterministic=True) == before


class Windowed(nn.Module):
    """Borders of zeros, of the lowest value and of another number; a constant that is joined."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 10, 12)
        self.constant = nn.Parameter(torch.rand(1, 2, 12, 12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        y = nn.functional.max_pool2d(x, 4, stride=2, padding=2)[:, :, :7, :7]
        y = nn.functional.pad(y, (2, 3, 2, 3), value=0.7)
        y = nn.functional.avg_pool2d(y, 3, stride=1, padding=1, count_include_pad=False)
        y = torch.cat([torch.sigmoid(x[:, :3]), y[:, 3:6], self.constant], 1)
        return self.last(torch.sigmoid(y)).flatten(1)


class Grouped(nn.Module):
    """Groups that TFLite's writer takes apart, and a convolution that it cuts where it is read."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter = nn.Conv2d(3, 48, 1)
        self.groups = nn.Conv2d(48, 96, 1, groups=3)
        self.apart = nn.Conv2d(96, 96, 3, groups=96)
        self.back = nn.Conv2d(96, 48, 1, groups=3)
        self.head = nn.Conv2d(16, 10, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.back(torch.relu(self.apart(torch.relu(self.groups(self.enter(x))))))
        return self.head(x[:, :16] + x[:, 16:32] * x[:, 32:]).flatten(1)


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("net", [Windowed, Grouped])
def test_16_bits_are_kept_from_end_to_end(
    net: type[nn.Module], kernels: Literal["default", "reference"], tmp_path: Path
) -> None:
    path, inputs, model = tmp_path / "net.tflite", photos(12), hub(net())
    planned = quantize(model, lambda: iter(inputs), recipe="fast")
    write((model, planned), "int16x8", path)
    file = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    floats = [t for t in file.subgraphs[0].tensors if t.type == schema.TensorType.FLOAT32]
    assert len(floats) == 2  # what the app gives and gets
    images = photos(8, seed=3)
    session = open_session(path, SessionOptions(kernels=kernels))
    logits = run_logits(session, Images(np.concatenate(images)))
    exact = with_planned_weights(planned.model, planned.plan)
    assert sqnr_db(run_float(exact, images).reshape(8, -1), logits) > 60
