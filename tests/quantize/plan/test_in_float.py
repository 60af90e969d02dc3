"""Which operators compute in float: those without a kernel, and what would be lost between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export import tflite
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.quantize.plan.in_float import float_nodes
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.recipe.recipes import quantize
from edgeconv.quantize.refine.judge import run
from edgeconv.quantize.simulate import Simulator
from edgeconv.runtime.open import open_session


class Tail(nn.Module):
    def __init__(self, tail: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.stem, self.tail = nn.Conv2d(3, 8, 3, 2, 1), tail

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(functional.relu(self.stem(x)))


TAILS: dict[str, Callable[[Tensor], Tensor]] = {
    "norm and epsilon": lambda y: y / (y.norm(dim=1, keepdim=True) + 1e-6),
    "normalize": lambda y: functional.normalize(y, dim=1),
    "mean of squares": lambda y: y / (y.pow(2).mean(1, keepdim=True) + 1e-5).sqrt(),
    "sum and epsilon": lambda y: y / (y.sum((2, 3), keepdim=True) + 1e-3),
    "log of a sum": lambda y: torch.log(y.sum(1, keepdim=True) * 2 + 1e-4),
    "reshaped between": lambda y: y.flatten(2) / (y.norm(dim=1).flatten(1)[:, None] + 1e-6),
}


def photos(count: int) -> list[NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    return [generator.normal(size=(1, 3, 16, 16)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("name", TAILS)
def test_a_small_constant_between_float_operators_is_not_lost(name: str, tmp_path) -> None:
    net = Tail(TAILS[name]).eval()
    hub = capture(net, torch.zeros(1, 3, 16, 16), name="net")
    found = quantize(hub, lambda: photos(8), recipe="fast")
    onnx_writer.write(found.model, tmp_path / "n.onnx", "int8", found.plan, io="float32")
    tflite.write(found.model, tmp_path / "n.tflite", "int8", found.plan, io="float32")
    simulator = Simulator(found.model, found.plan)
    judged = insert_qdq(found.model, found.plan)
    for photo in photos(12)[8:]:
        with torch.no_grad():
            real = net(torch.from_numpy(photo)).numpy()
        nhwc = np.ascontiguousarray(photo.transpose(0, 2, 3, 1))
        lite = open_session(tmp_path / "n.tflite").run([nhwc])[0]
        made = {
            "onnx": open_session(tmp_path / "n.onnx").run([photo])[0],
            "tflite": lite.transpose(0, 3, 1, 2) if lite.ndim == 4 else lite,
            "simulated": simulator.outputs(photo)[0],
            "judged": run(judged, [photo])[0],
        }
        for kind, output in made.items():
            noise = np.square(output - real).sum()
            assert 10 * np.log10(np.square(real).sum() / noise) > 15, kind
            assert np.abs(output - made["onnx"]).max() <= 0.05 * np.abs(real).max(), kind


def test_a_layer_stays_in_int8_before_a_quotient() -> None:
    hub = capture(Tail(TAILS["normalize"]).eval(), torch.zeros(1, 3, 16, 16), name="net")
    kinds = {node.op_type for node in hub.graph if node.name in float_nodes(hub)}
    assert "Conv" not in kinds
    assert {"ReduceL2", "Div"} <= kinds


def test_what_only_moves_integers_stays_in_int8_before_a_quotient() -> None:
    def pooled(y: Tensor) -> Tensor:
        y = functional.max_pool2d(y, 2)
        return y / (y.sum(1, keepdim=True) + 1)

    hub = capture(Tail(pooled).eval(), torch.zeros(1, 3, 16, 16), name="net")
    assert "MaxPool" not in {n.op_type for n in hub.graph if n.name in float_nodes(hub)}


class Residual(nn.Module):
    """Tokens of very different size on a residual stream, as a class token and patches are."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.stem, self.token = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 1, 8) * 0.01)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(3))
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token, 4 * self.stem(x).flatten(2).transpose(1, 2)], 1)
        for norm, layer in zip(self.norms, self.layers, strict=False):
            x = x + 0.02 * layer(norm(x))
        return self.head(self.norms[2](x)[:, 0])


def test_a_residual_stream_that_only_norms_read_stays_in_float() -> None:
    net = Residual().eval()
    hub = capture(net, torch.zeros(1, 3, 16, 16), name="net")
    kept = float_nodes(hub)
    assert all(node.name in kept for node in hub.graph if node.op_type in ("Add", "Concat"))
    found = quantize(hub, lambda: photos(8), recipe="fast")
    simulator = Simulator(found.model, found.plan)
    for photo in photos(12)[8:]:
        with torch.no_grad():
            wanted = net(torch.from_numpy(photo)).numpy()
        noise = np.square(simulator.outputs(photo)[0] - wanted).sum()
        assert np.square(wanted).sum() > 10**2.5 * noise


def test_a_product_of_normalized_tensors_is_int8() -> None:
    def tail(y: Tensor) -> Tensor:
        q = functional.normalize(y.flatten(2), dim=1)
        return (q.transpose(1, 2) @ q).softmax(-1)[:, :3]

    hub = capture(Tail(tail).eval(), torch.zeros(1, 3, 16, 16), name="net")
    kept = float_nodes(hub)
    assert [node.name in kept for node in hub.graph if node.op_type == "MatMul"] == [False]
