"""The names under which PyTorch has one function: torch.sinh, Tensor.sinh, torch.special.sinh."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.writes import written

Function = Callable[..., Any]

_HOMES = (torch, Tensor, torch.special, functional)


def everywhere(**functions: Function) -> dict[Function, Function]:
    """Every name of PyTorch's functions, and what stands in for them where numbers are real.

    A method that changes its tensor in place (`x.sinh_()`) is among them.
    """
    found = {}
    for name, replacement in functions.items():
        for home in _HOMES:
            if hasattr(home, name):
                found[getattr(home, name)] = _of_reals(getattr(home, name), replacement)
        if hasattr(Tensor, f"{name}_"):
            original = getattr(Tensor, f"{name}_")
            found[original] = _of_reals(original, _in_place(replacement))
    return found


def _in_place(function: Function) -> Function:
    def changed(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return written(x, function(x, *args, **kwargs))

    return changed


def _of_reals(original: Function, replacement: Function) -> Function:
    """The replacement, but for tensors of whole numbers, such as sizes: those are exact."""

    @functools.wraps(replacement)
    def chosen(*args: Any, **kwargs: Any) -> Any:
        tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
        if not any(tensor.is_floating_point() for tensor in tensors):
            return original(*args, **kwargs)
        given = (kwargs.pop("input"), *args) if "input" in kwargs else args
        return replacement(*given, **kwargs)

    return chosen
