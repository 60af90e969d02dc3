"""From a PyTorch module to a hub graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import onnx
import onnx_ir as ir
import torch
from torch import nn

from edgeconv.data.inputs import IMAGE
from edgeconv.errors import NetRefused, Untraceable
from edgeconv.export.capture.as_program import as_program
from edgeconv.export.capture.calls import calls_of
from edgeconv.export.capture.data_flow import run_followed
from edgeconv.export.capture.outputs import output_names, require_plain_values
from edgeconv.export.capture.simplify import simplify
from edgeconv.export.capture.torchscript.opened import opened
from edgeconv.export.capture.trace import FOREIGN_ERRORS, trace
from edgeconv.graph.check import require_inputs
from edgeconv.nets.running import Given, each, forward, outputs_of, tensors_of, unchanged
from edgeconv.progress import SILENT, Progress

#: An ONNX file is one protobuf message, which cannot be larger than 2 GiB.
LARGEST_BYTES = 2**31 - 2**24
#: What is said where TorchScript's trace fails.
_OTHER_ROUTE = "captured by torch.export, which takes longer: TorchScript's trace ends at {}"
#: What a single output is called.
DEFAULT_OUTPUT = "logits"


def capture(
    module: nn.Module,
    example: Given,
    *,
    name: str,
    inputs: Sequence[str] = (IMAGE,),
    output: str = DEFAULT_OUTPUT,
    progress: Progress = SILENT,
) -> ir.Model:
    """The hub graph of a module, for inputs of exactly the example's shape.

    What it promises stands in `edgeconv.graph`. A single output is called as told, several by their
    keys, field names or numbers (`output_0`). The module runs in eval mode and is left as it was,
    its input too. What TorchScript cannot trace is captured from a program of torch.export.

    Args:
        module: on the CPU, float32.
        example: float32 (N, ...), one for each input in the order of its forward.
        name: of the net, becomes the graph's name.
        inputs: what they are called.
        output: what a single output is called.
        progress: warned where torch.export was needed.

    Raises:
        NetRefused: the module cannot take the example, holds values that are not finite, decides by
            the values of its input, or is not a static graph of ONNX operators.
    """
    _require_reals(example)
    _require_sound_parameters(module)
    with opened(module) as module, _inference(module):
        modules = {path for path, _ in module.named_modules() if path}
        with unchanged(module):
            result = run_followed(module, example, name)
            outputs = output_names(result, output, taken=inputs)
            require_plain_values(zip(outputs, tensors_of(result), strict=True))
        _require_repeatable(module, example, name)
        try:
            proto = trace(module, example, inputs, outputs)
        except Untraceable as refused:
            proto = _trace_of_program(module, example, inputs, outputs, refused)
            progress.warn(_OTHER_ROUTE.format(refused.reason))
    model = simplify(proto, name=name, modules=modules)
    require_inputs(model, inputs)
    return model


def _trace_of_program(
    module: nn.Module,
    example: Given,
    inputs: Sequence[str],
    outputs: list[str],
    refused: Untraceable,
) -> onnx.ModelProto:
    """As `trace`, of the module's program; raises `refused` where that does not go either."""
    try:
        program = as_program(module, example)
        run_followed(program, example, "its program")
        return trace(program, example, inputs, outputs)
    except FOREIGN_ERRORS as error:
        raise refused from error
    except NetRefused:
        raise refused from None


def _require_repeatable(module: nn.Module, example: Given, name: str) -> None:
    """Raises NetRefused where a photo gives something else once the net has seen another."""
    drawn_by = torch.Generator().manual_seed(0)
    photo = [torch.rand(tensor.shape, generator=drawn_by) * 2 - 1 for tensor in each(example)]
    other = [-tensor for tensor in photo]
    alone = outputs_of(module, other, name)
    with unchanged(module):
        first, behind, again = (
            [output.clone() for output in tensors_of(forward(module, given, name))]
            for given in (photo, other, photo)
        )
    if all(map(_equal, (*first, *alone), (*again, *behind))):
        return
    drawn = next((call for call in calls_of(module, photo) if call.is_random), None)
    cause = "it draws random numbers, or remembers what it was given before"
    if drawn is not None:
        cause = f"it draws random numbers in {drawn}"
    raise NetRefused(
        f"{name} gives another output when it is given the same photo again: {cause}, which no "
        "model file does. Take the randomness or the memory out of its forward"
    )


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Up to the rounding of sums in another order."""
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), 1e-4, 1e-6, equal_nan=True)


def _require_reals(example: Given) -> None:
    for tensor in each(example):
        if tensor.ndim == 0 or tensor.dtype != torch.float32:
            raise NetRefused(
                f"the example is {tensor.dtype} of shape {tuple(tensor.shape)}; edgeconv takes "
                "nets whose inputs are float32 of shape (N, ...)"
            )


def _require_sound_parameters(module: nn.Module) -> None:
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    total = 0
    for name, tensor in tensors.items():
        total += tensor.numel() * tensor.element_size()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise NetRefused(
                f"{name} holds NaN or infinity; such a net gives no usable output. "
                "Take another checkpoint"
            )
    if total > LARGEST_BYTES:
        raise NetRefused(
            f"the net holds {total / 2**30:.1f} GiB of parameters; one ONNX or TFLite file holds "
            f"at most {LARGEST_BYTES / 2**30:.2f} GiB"
        )


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
