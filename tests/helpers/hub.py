"""Running a hub graph, and reading its operators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture


class Over(nn.Module):
    """A convolution, and a function of its features: (1, 8, H / 2, W / 2) where none is given."""

    def __init__(self, then: Callable[[Tensor], Tensor], conv: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = conv or nn.Conv2d(3, 8, 3, 2, 1)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        return self.then(self.conv(x))


def run_hub(model: ir.Model, feed: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """The hub graph's outputs by name, without onnxruntime's optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"input": feed}), strict=True))


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def node_named(model: ir.Model, name: str) -> ir.Node:
    return next(node for node in model.graph if node.name == name)


def unsettle(module: nn.Module) -> nn.Module:
    """Gives every BatchNorm statistics and factors that are not the identity."""
    generator = torch.Generator().manual_seed(7)
    for child in module.modules():
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            for tensor, low, high in (
                (child.running_mean, -0.3, 0.3),
                (child.running_var, 0.5, 1.5),
                (child.weight.data, 0.5, 1.5),
                (child.bias.data, -0.3, 0.3),
            ):
                tensor.uniform_(low, high, generator=generator)
    return module


def capture_and_compare(
    module: nn.Module, shape: tuple[int, ...] = (1, 3, 12, 12), bound: float = 2e-6
) -> ir.Model:
    """Captures the module and asserts that onnxruntime gives PyTorch's logits for another input."""
    model = capture(module, torch.zeros(shape), name="net")
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    was_training = module.training
    module.eval()
    with torch.no_grad():
        wanted = module(x).numpy()
    module.train(was_training)
    got = run_hub(model, x.numpy())["logits"]
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= bound * max(1.0, np.abs(wanted).max())
    return model
