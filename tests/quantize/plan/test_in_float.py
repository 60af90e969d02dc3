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
