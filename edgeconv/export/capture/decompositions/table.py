"""Spells out PyTorch functions that its exporter refuses, or writes in a form phones suffer.

While `Decompositions` is active a call is replaced by others of the same value:

- what is read of a tensor's data by the tensor without its history, which a trace loses;
- channel_shuffle, which ONNX has no operator for, by the reshapes and the transpose of its paper;
- adaptive pooling to sizes that do not divide the image's, by one pooling for each bin
  (`capture.adaptive_pools`);
- interpolate by modes and factors that have no operator, by indices and by products with constant
  matrices (`capture.resampling`);
- affine_grid by products of its theta with the places of a plain grid;
- padding by negative amounts (`capture.padding`);
- group_norm by an instance normalization of (N, groups, C / groups, H, W), which keeps H and W
  apart (the exporter flattens them with the channels, which no NHWC layout can do without copying),
  and a BatchNorm for its factors, one a channel;
- local_response_norm over an odd number of channels by ONNX's LRN (the exporter pools in 3-D);
- unfold, fold, einsum and functions that move values, which it has no form for or a slow one
  (`patches`, `einsum`, `moves`);
- pools whose arguments the exporter drops or ONNX takes otherwise (`capture_pools`),
  cosine_similarity with an eps that matters, pairwise_distance and cdist of other norms than 2, of
  which it drops or changes an argument;
- scaled_dot_product_attention, of which it scales queries and keys both;
- max-unpooling, by the places of the maxima in windows side by side (`unpooling`);
- LSTMs whose hidden state is projected (`recurrent`);
- functions of small matrices (`matrices`), and those that add up what belongs to one place
  (`sums_by_place`);
- what `arithmetic` and `functions` spell out.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from edgeconv.export.capture.decompositions.adaptive_pools import ADAPTIVE_POOLS
from edgeconv.export.capture.decompositions.arithmetic import ARITHMETIC
from edgeconv.export.capture.decompositions.attention import scaled_dot_product_attention
from edgeconv.export.capture.decompositions.einsum import einsum
from edgeconv.export.capture.decompositions.functions import FUNCTIONS
from edgeconv.export.capture.decompositions.grids import affine_grid
from edgeconv.export.capture.decompositions.matrices import MATRICES
from edgeconv.export.capture.decompositions.moves import MOVES, by_places
from edgeconv.export.capture.decompositions.padding import PADS
from edgeconv.export.capture.decompositions.patches import PATCHES, PATCHES_OF_ATEN
from edgeconv.export.capture.decompositions.plain_numbers import shape_of
from edgeconv.export.capture.decompositions.pools import POOLS
from edgeconv.export.capture.decompositions.recurrent import RECURRENT
from edgeconv.export.capture.decompositions.resampling import interpolate
from edgeconv.export.capture.decompositions.sums_by_place import SUMS_BY_PLACE
from edgeconv.export.capture.decompositions.unpooling import UNPOOLINGS
from edgeconv.export.capture.decompositions.whole_numbers import WHOLE_NUMBERS
from edgeconv.nets.running import tensors_of


class Decompositions(TorchFunctionMode):
    """While active, every call of a function in the table runs its decomposition instead."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function, or its decomposition."""
        func, args = by_places(func, args)
        found = _TABLE.get(func)
        if (
            found is None
            and isinstance(func, OpOverload)
            and next(tensors_of(args), None) is not None
        ):
            found = _ATEN.get(str(func.overloadpacket))
        return (func if found is None else found)(*args, **(kwargs or {}))


def _channel_shuffle(input: Tensor, groups: int) -> Tensor:
    batch, channels, *image = shape_of(input)
    apart = input.reshape(batch, groups, channels // groups, *image)
    return apart.transpose(1, 2).reshape(batch, channels, *image)


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,  # of TorchScript's: whether cuDNN may be used
) -> Tensor:
    batch, channels, *image = shape_of(input)
    apart = input.reshape(batch, num_groups, channels // num_groups, *image)
    if apart.dim() == 3 and apart.shape[2] == 1:  # one value a group: PyTorch's own refusal
        return functional.group_norm(input, num_groups, weight, bias, eps)
    normal = functional.instance_norm(apart, eps=eps).reshape(batch, channels, *image)
    if weight is None and bias is None:
        return normal
    zeros, ones = torch.zeros(channels), torch.ones(channels)
    return functional.batch_norm(normal, zeros, ones, weight, bias, training=False, eps=0.0)


def _local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    if size % 2 == 0 or input.dim() != 4:  # an even window is one channel off ONNX's
        return functional.local_response_norm(input, size, alpha, beta, k)
    result: Tensor = _Lrn.apply(input, size, alpha, beta, k)  # type: ignore[no-untyped-call]
    return result


class _Lrn(torch.autograd.Function):
    """LRN as one operator in the trace."""

    @staticmethod
    def forward(_: Any, x: Tensor, *arguments: Any) -> Tensor:
        return functional.local_response_norm(x, *arguments)

    @staticmethod
    def symbolic(g: Any, x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
        attributes = {"size_i": size, "alpha_f": alpha, "beta_f": beta, "bias_f": k}
        return g.op("LRN", x, **attributes).setType(x.type())


def _cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    if eps <= _NEGLIGIBLE:
        result: Tensor = functional.cosine_similarity(x1, x2, dim, eps)
        return result
    lengths = [torch.linalg.vector_norm(x, 2, dim, keepdim=True).clamp(min=eps) for x in (x1, x2)]
    product: Tensor = x1 / lengths[0] * (x2 / lengths[1])
    return product.sum(dim)


def _pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    result: Tensor = torch.linalg.vector_norm(x1 - x2 + eps, p, -1, keepdim)
    return result


def _cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    if p == 2.0:
        mode = "use_mm_for_euclid_dist_if_necessary" if compute_mode is None else compute_mode
        return torch.cdist(x1, x2, p, mode)
    result: Tensor = torch.linalg.vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)
    return result


#: Lengths below this are those of zero vectors.
_NEGLIGIBLE = 1e-6

_TABLE: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        torch.channel_shuffle: _channel_shuffle,
        functional.group_norm: _group_norm,
        functional.affine_grid: affine_grid,
        functional.interpolate: interpolate,
        functional.local_response_norm: _local_response_norm,
        functional.cosine_similarity: _cosine_similarity,
        torch.cosine_similarity: _cosine_similarity,
        functional.pairwise_distance: _pairwise_distance,
        torch.pairwise_distance: _pairwise_distance,
        torch.cdist: _cdist,
        **ADAPTIVE_POOLS,
        **PADS,
        torch.einsum: einsum,
        functional.scaled_dot_product_attention: scaled_dot_product_attention,
        **MOVES,
        **PATCHES,
        **POOLS,
        **UNPOOLINGS,
        **RECURRENT,
        **MATRICES,
        **SUMS_BY_PLACE,
        **ARITHMETIC,
        **FUNCTIONS,
        **WHOLE_NUMBERS,  # after the functions of reals, which they hand on to
        Tensor.data.__get__: lambda x, *_: x.detach(),  # type: ignore[attr-defined]
    }
)

_ATEN: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        f"aten.{function.__name__}": decomposition
        for function, decomposition in _TABLE.items()
        if hasattr(torch.ops.aten, getattr(function, "__name__", "?"))
    }
    | dict(PATCHES_OF_ATEN)
    | {"aten._unsafe_view": Tensor.view}  # in programs, of matrices that were multiplied
)
"""Those that PyTorch has as an operator of the same arguments, which TorchScript's graphs call."""
