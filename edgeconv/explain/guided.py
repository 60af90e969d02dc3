"""Guided backpropagation.

Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net",
https://arxiv.org/abs/1412.6806, section 3.4: on its way back through a ReLU a gradient is set to
zero where the ReLU's input was negative (as always) and where the gradient itself is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from edgeconv.errors import UsageError
from edgeconv.explain.calls import first_output
from edgeconv.nets.running import forward, gradient_of, unchanged

#: Rectifiers as modules and functions call them. A smooth one keeps its own derivative; the
#: gradient that comes to it is cut all the same.
_RECTIFIERS = frozenset(
    {
        *(functional.relu, functional.relu6, functional.hardtanh, functional.hardswish),
        *(functional.silu, functional.gelu, functional.mish, functional.leaky_relu),
        *(functional.elu, functional.prelu, functional.relu_, functional.hardtanh_),
        *(torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_),
    }
)


def guided_backpropagation(module: nn.Module, x: Tensor, class_index: int) -> NDArray[np.float32]:
    """The guided gradient of a class's logit by the photo.

    Args:
        module: in eval mode; not changed.
        x: float32 (1, 3, H, W).
        class_index: of the logits.

    Returns:
        float32 (3, H, W).

    Raises:
        NetRefused: the net overwrites what its derivative needs.
        UsageError: the logits do not depend on the photo.
    """
    photo = x.detach().clone().requires_grad_()
    with unchanged(module), torch.enable_grad(), _Guided():
        logits = first_output(forward(module, photo, "the net"))
        gradient = gradient_of(logits[0, class_index], photo)
    if gradient is None:
        raise UsageError("the net's output does not depend on the photo")
    result: NDArray[np.float32] = gradient[0].numpy()
    return result


class _Guided(TorchFunctionMode):
    """While active, rectifiers let only positive gradients through on the way back."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function."""
        result = func(*args, **(kwargs or {}))
        if func in _RECTIFIERS and isinstance(result, Tensor) and result.requires_grad:
            # PyTorch leaves this method without annotations.
            result.register_hook(lambda gradient: gradient.clamp(min=0))  # type: ignore[no-untyped-call]
        return result
