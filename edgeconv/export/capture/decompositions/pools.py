"""Pools whose arguments PyTorch's exporter drops or ONNX understands otherwise.

- `ceil_mode`: a last window that would start in the padding behind the image does not count for
  PyTorch; for ONNX it does before opset 22. Where that makes a difference the pool is written
  without `ceil_mode`, with as much padding behind the image as its windows reach. So is every
  average pool whose windows reach past its padding: onnxruntime's int8 kernel counts what lies
  there, where its float kernel does not.
- `divisor_override`, which the exporter drops: a depthwise convolution by equal weights, which also
  takes the padding that ceil mode adds.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.errors import NetRefused
from edgeconv.export.capture.decompositions.plain_numbers import each_axis, shape_of
from edgeconv.export.capture.decompositions.unpooling import remember_maxima

_Sizes = int | Sequence[int]
_MAX_POOLS = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)
_AVERAGE_POOLS = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)
_CONVOLUTIONS = (functional.conv1d, functional.conv2d, functional.conv3d)


@dataclass(frozen=True)
class _Window:
    """A pool along one axis: sizes in elements, `padding` at either end."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    rounds_up: bool

    @property
    def _left_over(self) -> int:
        """Elements between the start of the first window and the last place of another."""
        reach = (self.kernel - 1) * self.dilation + 1
        return self.size + 2 * self.padding - reach

    @property
    def is_apart(self) -> bool:
        """Whether its windows lie side by side, inside of the image."""
        plain = self.kernel == self.stride and self.dilation == 1 and self.padding == 0
        return plain and self.outputs * self.kernel <= self.size

    @property
    def outputs_of_onnx(self) -> int:
        """Output length as opset 17 has it."""
        if self.rounds_up:
            return -(-self._left_over // self.stride) + 1
        return self._left_over // self.stride + 1

    @property
    def outputs(self) -> int:
        """Output length as PyTorch has it."""
        count = self.outputs_of_onnx
        starts_behind = (count - 1) * self.stride >= self.size + self.padding
        return count - 1 if self.rounds_up and starts_behind else count

    @property
    def after(self) -> int:
        """Padding behind the image that gives as many outputs where sizes are rounded down."""
        missing = (self.outputs - 1) * self.stride - self._left_over
        return self.padding + max(missing, 0)


def max_pool(
    rank: int,
    input: Tensor,
    kernel_size: _Sizes,
    stride: _Sizes | None = None,
    padding: _Sizes = 0,
    dilation: _Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool{rank}d`, written out where ONNX would give it another size.

    Raises:
        NetRefused: it gives the indices of its maxima too, or reaches too far past the image.
    """
    call = partial(_MAX_POOLS[rank - 1], kernel_size=kernel_size, stride=stride, padding=padding,
                   dilation=dilation, ceil_mode=ceil_mode)  # fmt: skip
    windows = _windows(input, rank, kernel_size, stride, padding, dilation, ceil_mode)
    if not _are_miscounted(windows):
        result = call(input, return_indices=return_indices)
        if return_indices and all(window.is_apart for window in windows):
            remember_maxima(result[1], input, [window.kernel for window in windows])
        return result
    if any(window.after >= window.kernel for window in windows):
        raise NetRefused(
            "a dilated max-pool in ceil_mode reaches as far past the image as its kernel is long, "
            "which onnxruntime does not take; leave out ceil_mode and pad the image before it, by "
            "a number that is below all others: torch.nn.functional.pad(x, ..., value=-100.0)"
        )
    if return_indices:
        raise NetRefused(
            "a max-pool in ceil_mode, whose last window starts in the padding, gives the indices "
            "of its maxima; ONNX has no such pool: leave out ceil_mode or return_indices"
        )
    return _batched(rank, input, lambda x: _written_out("MaxPool", windows, call, x))


def average_pool(
    rank: int,
    input: Tensor,
    kernel_size: _Sizes,
    stride: _Sizes | None = None,
    padding: _Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool{rank}d`, written out where the exporter or ONNX takes it for another."""
    windows = _windows(input, rank, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None:
        return _batched(rank, input, lambda x: _divided(rank, x, windows, divisor_override))
    arguments = (kernel_size, stride, padding, ceil_mode, count_include_pad)
    call = partial(_average, rank, arguments)
    if not _are_miscounted(windows) and all(w.after == w.padding for w in windows):
        return call(input)
    if not any(window.padding for window in windows):
        count_include_pad = False
    if not count_include_pad:
        return _batched(rank, input, lambda x: _written_out("AveragePool", windows, call, x))
    # Padding that counts becomes part of the image: what ceil mode adds behind it does not count.
    return _batched(rank, input, lambda x: _counting(windows, call, x))


def lp_pool(
    rank: int,
    input: Tensor,
    norm_type: float,
    kernel_size: _Sizes,
    stride: _Sizes | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """`lp_pool{rank}d` as PyTorch defines it, over the pools above."""
    if abs(norm_type) == float("inf"):
        sign = 1 if norm_type > 0 else -1
        largest: Tensor = max_pool(
            rank, sign * input.abs(), kernel_size, stride, ceil_mode=ceil_mode
        )
        return sign * largest
    mean = average_pool(rank, input.pow(norm_type), kernel_size, stride, ceil_mode=ceil_mode)
    taps = math.prod(each_axis(kernel_size, rank))
    total: Tensor = mean.mul(taps)
    return total.pow(1.0 / norm_type)


def _windows(
    input: Tensor,
    rank: int,
    kernel_size: _Sizes,
    stride: _Sizes | None,
    padding: _Sizes,
    dilation: _Sizes,
    ceil_mode: bool,
) -> list[_Window]:
    sizes = shape_of(input)[-rank:]
    kernels = each_axis(kernel_size, rank)
    strides = kernels if stride is None else each_axis(stride, rank) or kernels
    axes = zip(
        sizes, kernels, strides, each_axis(padding, rank), each_axis(dilation, rank), strict=True
    )
    return [_Window(*axis, ceil_mode) for axis in axes]


def _are_miscounted(windows: Sequence[_Window]) -> bool:
    return any(window.outputs != window.outputs_of_onnx for window in windows)


def _batched(rank: int, x: Tensor, pool: Callable[[Tensor], Tensor]) -> Tensor:
    """Gives a pool its batch axis, which PyTorch lets callers leave out."""
    return pool(x) if x.dim() == rank + 2 else pool(x.unsqueeze(0)).squeeze(0)


def _average(rank: int, arguments: Sequence[Any], x: Tensor) -> Tensor:
    result: Tensor = _AVERAGE_POOLS[rank - 1](x, *arguments)
    return result


def _divided(rank: int, x: Tensor, windows: Sequence[_Window], divisor: int) -> Tensor:
    """Sums over windows, divided by a number: a depthwise convolution."""
    if any(window.padding or window.after for window in windows):
        ends = [(window.padding, window.after) for window in reversed(windows)]
        x = functional.pad(x, [amount for pair in ends for amount in pair])
    channels = int(x.shape[1])
    weight = torch.full((channels, 1, *(w.kernel for w in windows)), 1 / divisor, dtype=x.dtype)
    strides = tuple(window.stride for window in windows)
    result: Tensor = _CONVOLUTIONS[rank - 1](x, weight, stride=strides, groups=channels)
    return result


def _counting(windows: Sequence[_Window], call: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    pads = [window.padding for window in reversed(windows) for _ in range(2)]
    bare = [replace(window, size=window.size + 2 * window.padding, padding=0) for window in windows]
    ends = [window.after - window.padding for window in windows]
    whole = functional.pad(x, pads)

    def inner(padded: Tensor) -> Tensor:
        return call(functional.pad(padded, [-amount for amount in pads]))

    return _written_out("AveragePool", bare, inner, whole, ends)


def _written_out(
    operator: str,
    windows: Sequence[_Window],
    call: Callable[[Tensor], Tensor],
    x: Tensor,
    ends: Sequence[int] | None = None,
) -> Tensor:
    """One ONNX operator, padded behind the image as far as its windows reach, or by `ends`."""
    ends = [window.after for window in windows] if ends is None else ends
    attributes: dict[str, Any] = {
        "kernel_shape_i": [window.kernel for window in windows],
        "strides_i": [window.stride for window in windows],
        "pads_i": [*(window.padding for window in windows), *ends],
    }
    if operator == "MaxPool":
        attributes["dilations_i"] = [window.dilation for window in windows]
    result: Tensor = _Pool.apply(x, call, operator, attributes)  # type: ignore[no-untyped-call]
    return result


class _Pool(torch.autograd.Function):
    """A pool as one operator in the trace."""

    @staticmethod
    def forward(_: Any, x: Tensor, call: Callable[[Tensor], Tensor], *__: Any) -> Tensor:
        return call(x)

    @staticmethod
    def symbolic(
        g: Any, x: Any, _: object, operator: str, attributes: Mapping[str, Sequence[int]]
    ) -> Any:
        return g.op(operator, x, **attributes)


POOLS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **{pool: partial(max_pool, rank) for rank, pool in enumerate(_MAX_POOLS, 1)},
        torch.max_pool1d: partial(max_pool, 1),
        torch.max_pool2d: partial(max_pool, 2),
        torch.max_pool3d: partial(max_pool, 3),
        functional.max_pool1d_with_indices: partial(max_pool, 1, return_indices=True),
        functional.max_pool2d_with_indices: partial(max_pool, 2, return_indices=True),
        functional.max_pool3d_with_indices: partial(max_pool, 3, return_indices=True),
        **{pool: partial(average_pool, rank) for rank, pool in enumerate(_AVERAGE_POOLS, 1)},
        functional.lp_pool1d: partial(lp_pool, 1),
        functional.lp_pool2d: partial(lp_pool, 2),
        functional.lp_pool3d: partial(lp_pool, 3),
    }
)
