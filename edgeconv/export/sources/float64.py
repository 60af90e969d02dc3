"""PyTorch's result in float64, for float files that miss their bound."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.verify.parity.expected import Float64

#: What a module makes of photos, by the output's name; see `torch_run`.
Run = Callable[[nn.Module, NDArray[Any]], Mapping[str, NDArray[Any]]]


def float64_outputs(run: Run, module: nn.Module, normalized: NDArray[np.float32]) -> Float64:
    """What a copy of the module in double precision makes of photos.

    A module may refuse: it may name a type, or hold what cannot be copied. The result says so, for
    then there is nothing better to judge by than float32.

    Args:
        run: runs it.
        module: the net; it stays as it is.
        normalized: float32 (N, 3, H, W).
    """
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)  # for constants that the forward pass makes
        made = run(copy.deepcopy(module).double(), normalized.astype(np.float64))
    except Exception as error:  # it is the user's code that runs
        words = str(error).strip().partition("\n")[0] or type(error).__name__
        return Float64(why_not=f"PyTorch's float64 result cannot be computed: {words}")
    finally:
        torch.set_default_dtype(default)
    found = {name: np.asarray(array, np.float64) for name, array in made.items()}
    if not all(np.isfinite(array).all() for array in found.values()):
        return Float64(why_not="PyTorch's float64 result is not finite")
    return Float64(found)
