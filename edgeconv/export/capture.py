"""From a PyTorch module to a hub graph."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import onnx_ir as ir
import torch
from torch import nn

from edgeconv.errors import NetRefused
from edgeconv.export.simplify import simplify

OPSET = 17


def capture(module: nn.Module, example: torch.Tensor, *, name: str) -> ir.Model:
    """The hub graph of a module, for inputs of exactly the example's shape.

    What it promises stands in `edgeconv.graph`. The module runs in eval mode and is left as it was.

    Args:
        module: takes one image tensor.
        example: float32 (N, C, H, W).
        name: of the net, becomes the graph's name.

    Raises:
        NetRefused: the module cannot take the example, or cannot become a static graph.
    """
    leaves = {path for path, child in module.named_modules() if not any(child.children())}
    with _inference(module):
        proto = _trace(module, example)
    return simplify(proto, name=name, leaves=leaves)


@contextmanager
def _inference(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; afterwards every submodule has its own mode again."""
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for child, mode in modes.items():
            child.training = mode


def _trace(module: nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            torch.onnx.export(
                module,
                (example,),
                buffer,
                dynamo=False,
                opset_version=OPSET,
                input_names=["input"],
                output_names=["logits"],
            )
        except RuntimeError as error:
            raise NetRefused(f"the net cannot be exported to ONNX: {error}") from error
    return onnx.load_from_string(buffer.getvalue())
