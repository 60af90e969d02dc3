"""One floating-point type for a whole forward pass, whatever types its code names.

Nets that were trained in half precision write `.half()`, `x.to(torch.bfloat16)` or an autocast into
their forward pass; others compute a grid in double. What they mean are real numbers, and files hold
those as float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_FLOATS = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
_CASTS = frozenset(
    {torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.float, torch.Tensor.double}
)
#: They read bits as another type, or ask about types alone.
_LITERAL = frozenset(
    {
        torch.Tensor.view,
        torch.promote_types,
        torch.can_cast,
        torch.result_type,
        torch.set_default_dtype,
    }
)


class OneFloat(TorchFunctionMode):
    """While active, every real tensor that PyTorch makes is of one type, and autocast is off."""

    def __init__(self, dtype: torch.dtype) -> None:
        """Takes the type: the one of the net's weights."""
        super().__init__()
        self._dtype = dtype

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function."""
        kwargs = kwargs or {}
        if torch.is_autocast_enabled("cpu"):  # until the net's own block ends
            torch.set_autocast_enabled("cpu", False)
        if func in _LITERAL:
            return func(*args, **kwargs)
        if func in _CASTS:
            return args[0].to(self._dtype)
        named = {key: self._one(value) for key, value in kwargs.items()}
        return self._in_one(func(*map(self._one, args), **named))

    def _one(self, argument: Any) -> Any:
        """A type in place of another."""
        is_other = isinstance(argument, torch.dtype) and argument in _FLOATS
        return self._dtype if is_other else argument

    def _in_one(self, result: Any) -> Any:
        """A tensor that came from values of another type, such as a NumPy array's."""
        is_other = (
            isinstance(result, Tensor) and result.dtype in _FLOATS and result.dtype != self._dtype
        )
        return result.to(self._dtype) if is_other else result
