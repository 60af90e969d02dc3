"""What a net computes from sizes alone is a constant of its trace.

    grid = torch.arange(x.shape[-1]) + 0.5        anchors, grids, strides, masks, positions

The tracing exporter records all of it, a size as a tensor, and types some of it otherwise than
PyTorch does: whole numbers plus 0.5 are double there. With static shapes they are numbers that
PyTorch itself computes, once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edgeconv.export.capture.untraced import trace_as, untraced
from edgeconv.export.capture.writes import written_by
from edgeconv.nets.running import tensors_of

_MARK = "_edgeconv_constant"
_RECORDED = "_edgeconv_recorded"

#: What tells sizes.
_SIZES = frozenset(
    {
        Tensor.shape.__get__,  # type: ignore[attr-defined]
        Tensor.size,
        Tensor.numel,
        Tensor.nelement,
        Tensor.__len__,
        torch.numel,
    }
)


class Constants(TorchFunctionMode):
    """While active, a call that reads no tensor but constants, or a size alone, is not traced.

    A tensor is a constant where it came out of such a call. One that something computed is written
    into later is none, and has to be traced from its beginning: by another run, told of it.

    Attributes:
        written: numbers of the calls that made such tensors, counted from the first.
    """

    def __init__(self, traced: Collection[int] = ()) -> None:
        """Starts counting calls.

        Args:
            traced: numbers of the calls that are traced all the same.
        """
        super().__init__()
        self.written: set[int] = set()
        self._traced = traced
        self._calls = 0
        self._made: dict[int, int] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function."""
        kwargs = kwargs or {}
        self._calls += 1
        if func in _SIZES:
            with untraced():
                return func(*args, **kwargs)
        read = list(tensors_of((args, kwargs)))
        constants = [tensor for tensor in read if is_constant(tensor)]
        if len(constants) < len(read) or self._calls in self._traced:
            if written_by(func, args, kwargs) is not None:
                self.written |= {self._made[memory_of(tensor)] for tensor in constants}
            for tensor in constants:
                _record(tensor)
            return func(*args, **kwargs)
        with untraced():
            result = func(*args, **kwargs)
        for tensor in tensors_of(result):
            setattr(tensor, _MARK, True)
            if all(memory_of(tensor) != memory_of(other) for other in constants):
                self._made[memory_of(tensor)] = self._calls
        return result


def is_constant(tensor: Tensor) -> bool:
    """Whether a tensor came out of a call that was not traced."""
    return hasattr(tensor, _MARK)


def no_constant(tensor: Tensor) -> None:
    """Has a tensor traced from here on."""
    if is_constant(tensor):
        delattr(tensor, _MARK)


def _record(tensor: Tensor) -> None:
    """Has the trace keep a constant's values as they are now: they may be written over later."""
    if getattr(tensor, _RECORDED, None) == tensor._version:
        return
    if torch._C._get_tracing_state() is None:
        return
    with untraced():
        copy = tensor.clone()
    trace_as(tensor, copy)
    setattr(tensor, _RECORDED, tensor._version)


def memory_of(tensor: Tensor) -> int:
    """Where a tensor's values lie; views of one have the same."""
    return tensor.untyped_storage().data_ptr()
