"""PyTorch's result in float64, for float files that miss their bound."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.runtime.feeds import Batch, of_each
from edgeconv.verify.parity.expected import Float64

#: What a module makes of samples, by the output's name; see `torch_run`.
Run = Callable[[nn.Module, Batch], Mapping[str, NDArray[Any]]]


def float64_outputs(run: Run, module: nn.Module, samples: Batch) -> Float64:
    """What a copy of the module in double precision makes of samples.

    A module may refuse: it may name a type, or hold what cannot be copied. The result says so, for
    then there is nothing better to judge by than float32.

    Args:
        run: runs it.
        module: the net; it stays as it is.
        samples: float32 (N, ...).
    """
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)  # for constants that the forward pass makes
        doubled = of_each(samples, lambda array: array.astype(np.float64))
        made = run(copy.deepcopy(module).double(), doubled)
    except Exception as error:  # it is the user's code that runs
        words = str(error).strip().partition("\n")[0] or type(error).__name__
        return Float64(why_not=f"PyTorch's float64 result cannot be computed: {words}")
    finally:
        torch.set_default_dtype(default)
    found = {name: np.asarray(array, np.float64) for name, array in made.items()}
    if not all(np.isfinite(array).all() for array in found.values()):
        return Float64(why_not="PyTorch's float64 result is not finite")
    return Float64(found)
