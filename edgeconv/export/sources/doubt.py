"""How sure the whole numbers and truth values are that a net gives: which of them noise turns over.

An arg max of two logits that differ by less than float32 holds is either, in a right file too. So
the net runs with noise on the reals that each place or truth value is decided by (`x > y`, an arg
max, a cast): noise as small as a float file may be off tells the values that every right file must
give; noise as large as a useful int8 file may have tells how many such a file gives at least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from edgeconv.export.sources.float64 import Run
from edgeconv.nets.running import tensors_of
from edgeconv.runtime.feeds import Batch
from edgeconv.runtime.metrics import Whole, is_whole
from edgeconv.verify.thresholds import Thresholds

#: Noise on a tensor of reals; told all finite reals that decide together with it, and whether they
#: decide places, or truth values.
Noise = Callable[[Tensor, Tensor, bool], Tensor]

#: How much further than a float file may be off the noise reaches that tells the sure values.
_MARGIN = 4.0
#: Draws of the noise of an int8 file.
_DRAWS = 3


def doubts(
    run: Run,
    module: nn.Module,
    samples: Batch,
    reference: Mapping[str, NDArray[Any]],
    thresholds: Thresholds,
    depth: int,
) -> dict[str, Whole]:
    """How sure each output is that holds whole numbers or truth values, by name.

    Args:
        run: runs it.
        module: the net; it stays as it is.
        samples: float32 (N, ...).
        reference: its outputs for them.
        thresholds: how far files may be off.
        depth: layers of the net.
    """
    wanted = {name: array for name, array in reference.items() if is_whole(array)}
    if not wanted:
        return {}
    little = _MARGIN * thresholds.of_float(depth).limit
    much = 10 ** (-thresholds.int8_sqnr_db / 20)
    near = [_with_noise(run, module, samples, _small(sign * little)) for sign in (1, -1)]
    far = [_with_noise(run, module, samples, _white(much, seed)) for seed in range(_DRAWS)]
    return {
        name: Whole(
            np.logical_and.reduce([made[name] == array for made in near]),
            np.mean([_shares(made[name] == array) for made in far], axis=0),
        )
        for name, array in wanted.items()
    }


def _shares(same: NDArray[np.bool_]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = same.reshape(len(same), -1).mean(axis=1)
    return shares


def _with_noise(
    run: Run, module: nn.Module, samples: Batch, noise: Noise
) -> Mapping[str, NDArray[Any]]:
    with _Noisy(noise):
        return run(module, samples)


def _small(size: float) -> Noise:
    """Noise of a share of the largest value; of two values closer than it, one sign or the other
    makes either the larger.

    For truth values it is the same for the same value: equal ones stay equal in every file, and
    what a ReLU cut off stays zero. Which place is named first among equal values is open.
    """

    def noisy(x: Tensor, together: Tensor, of_places: bool) -> Tensor:
        largest = together.abs().max().clamp(min=1e-30)
        angles = x / largest * 1e7
        if of_places:
            angles = angles + torch.arange(x.numel()).reshape(x.shape)
        return x + size * largest * torch.sin(angles)

    return noisy


def _white(size: float, seed: int) -> Noise:
    """White noise of a share of the root mean square."""
    generator = torch.Generator().manual_seed(seed)

    def noisy(x: Tensor, together: Tensor, _: bool) -> Tensor:
        loud = size * together.square().mean().sqrt()
        return x + loud * torch.randn(x.shape, generator=generator)

    return noisy


class _Noisy(TorchFunctionMode):
    """While active, what decides by reals is given noisy ones."""

    def __init__(self, noise: Noise) -> None:
        super().__init__()
        self._noise = noise

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function."""
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        decided = [tensor for tensor in tensors_of(made) if not tensor.is_floating_point()]
        reals = [t for t in tensors_of((args, kwargs)) if t.is_floating_point()]
        together = torch.cat([x[torch.isfinite(x)] for x in reals]) if decided and reals else None
        if together is None or not together.numel():
            return made
        of_places = any(tensor.dtype != torch.bool for tensor in decided)

        def noisy(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor) or not leaf.is_floating_point():
                return leaf
            return torch.where(torch.isfinite(leaf), self._noise(leaf, together, of_places), leaf)

        args, kwargs = tree_map(noisy, (tuple(args), dict(kwargs)))
        return func(*args, **kwargs)
