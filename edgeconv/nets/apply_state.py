"""Put tensors into a module, or say exactly why they do not belong there."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from edgeconv.errors import WeightsRefused
from edgeconv.nets.published_state import TakesPublishedState

_SHOWN = 5
_OPTIONAL = ".num_batches_tracked"  # a counter of training; weights from elsewhere may lack it


def apply_state(module: nn.Module, tensors: Mapping[str, Tensor], origin: str, net: str) -> None:
    """Copy every tensor into the module of the same names and shapes.

    Args:
        module: changed in place.
        tensors: by the module's own names; a `TakesPublishedState` takes other layouts too.
        origin: the file, for messages.
        net: what the module is called, for messages.

    Raises:
        WeightsRefused: a name or shape does not match, a type cannot be, or a value is not finite.
    """
    if isinstance(module, TakesPublishedState):
        tensors = module.adapted(tensors)
    expected = module.state_dict()
    problems = _problems(expected, tensors, net)
    if problems:
        listed = [f"  {problem}" for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            listed.append(f"  and {len(problems) - _SHOWN} more")
        raise WeightsRefused(f"{origin} holds weights of another net than {net}:", *listed)
    module.load_state_dict(dict(tensors), strict=False)
    check_finite(module, origin)


def check_finite(module: nn.Module, origin: str) -> None:
    """Refuse values no arithmetic survives.

    Raises:
        WeightsRefused: names the first tensor with a NaN, an infinity or a negative variance.
    """
    for name, tensor in module.state_dict().items():
        bad = _count_not_finite(tensor) if tensor.is_floating_point() else 0
        if bad:
            raise WeightsRefused(
                f"{origin}: {name} holds NaN or infinity in {bad} of {tensor.numel()} values"
            )
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise WeightsRefused(f"{origin}: {name} holds a negative variance")


def _count_not_finite(tensor: Tensor) -> int:
    # One bad value makes the sum bad, and a sum is several times cheaper than looking at each.
    if math.isfinite(float(tensor.sum())):
        return 0
    return int((~torch.isfinite(tensor)).sum())


def _problems(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], net: str) -> list[str]:
    problems = []
    for name, wanted in expected.items():
        given = tensors.get(name)
        if given is None:
            if not name.endswith(_OPTIONAL):
                problems.append(f"{name} {_shape(wanted)} is missing from the file")
        elif given.shape != wanted.shape:
            problems.append(f"{name} is {_shape(given)} in the file, {_shape(wanted)} in {net}")
        elif not _fits(given, wanted):
            problems.append(f"{name} is {_kind(given)} in the file, {_kind(wanted)} in {net}")
    unknown = (name for name in tensors if name not in expected)
    problems += [f"{name} {_shape(tensors[name])} is not in {net}" for name in unknown]
    return problems


def _fits(given: Tensor, wanted: Tensor) -> bool:
    plain = given.layout == torch.strided and not given.is_quantized and not given.is_meta
    return plain and given.is_floating_point() == wanted.is_floating_point()


def _shape(tensor: Tensor) -> str:
    return "(" + ", ".join(str(side) for side in tensor.shape) + ")"


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tensor.layout}".replace("torch.", "")
