"""BatchNorm statistics of a net that was never trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgeconv.errors import NetRefused, UsageError
from edgeconv.nets.running import Given, each, forward, unchanged


def set_batchnorm_statistics(
    module: nn.Module, batches: Iterable[Given], target: str = "the net"
) -> int:
    """Set every BatchNorm's running statistics to the plain mean of those of the batches.

    One pass: each layer normalizes by its own batch while it counts, so that the layers behind it
    see activations in range. The result depends on the module and the batches alone. Dropout stays
    off.

    Args:
        module: changed in place; its modes and momenta are as before afterwards.
        batches: float32 (N, ...), each with the same N, of at least two photos where a layer
            sees a single pixel.
        target: what the net is called in a message.

    Returns:
        How many BatchNorm layers were set; 0 where the net has none (the batches are not read).

    Raises:
        UsageError: there are no batches, or one is too small to have a variance.
        NetRefused: the net's own code failed.
    """
    layers = _batchnorms(module)
    if not layers:
        return 0
    count = 0
    with unchanged(module, but=layers), _counting(layers), torch.no_grad():
        for batch in batches:
            _run(module, batch, target)
            count += 1
    if count == 0:
        raise UsageError("no photos to set BatchNorm statistics from")
    return len(layers)


def has_initial_batchnorm(module: nn.Module) -> bool:
    """Whether the module has BatchNorm layers and every one is as its constructor left it."""
    layers = _batchnorms(module)
    return bool(layers) and all(_is_initial(layer) for layer in layers)


def _batchnorms(module: nn.Module) -> list[_BatchNorm]:
    found = (layer for layer in module.modules() if isinstance(layer, _BatchNorm))
    return [layer for layer in found if layer.track_running_stats]


@contextmanager
def _counting(layers: list[_BatchNorm]) -> Iterator[None]:
    """Put the layers, and nothing else, into the mode that accumulates a plain mean."""
    before = [(layer.training, layer.momentum) for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # torch's sign for a cumulative mean
        layer.training = True
    try:
        yield
    finally:
        for layer, (training, momentum) in zip(layers, before, strict=True):
            layer.training = training
            layer.momentum = momentum


def _run(module: nn.Module, batch: Given, target: str) -> None:
    try:
        forward(module, batch, target)
    except NetRefused as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UsageError(
            f"BatchNorm statistics cannot be set from batches of {len(each(batch)[0])} at this "
            "input size: a layer sees one value a channel; give larger batches"
        ) from error


def _is_initial(layer: _BatchNorm) -> bool:
    def holds(tensor: Tensor | None, value: float) -> bool:
        return tensor is None or bool((tensor == value).all())

    return (
        holds(layer.running_mean, 0)
        and holds(layer.running_var, 1)
        and holds(layer.weight, 1)
        and holds(layer.bias, 0)
    )
