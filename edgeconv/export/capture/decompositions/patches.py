"""Unfold and fold, of images and of one axis, by slices, pads and sums.

The exporter writes `unfold` with gathers, which no delegate runs, and `fold` not at all. Both work
along the rows and along the columns by themselves: a 3 x 3 unfold is 3 + 3 slices, not 9.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions.moves import movedim
from edgeconv.export.capture.decompositions.plain_numbers import each_axis, shape_of


@dataclass(frozen=True)
class _Windows:
    """The windows along one axis.

    Attributes:
        kernel: values of a window.
        dilation: from one of them to the next.
        padding: zeros at either end of the axis.
        stride: from one window to the next.
        length: of the axis, without padding.
    """

    kernel: int
    dilation: int
    padding: int
    stride: int
    length: int

    @property
    def count(self) -> int:
        """How many windows there are."""
        span = self.dilation * (self.kernel - 1) + 1
        return (self.length + 2 * self.padding - span) // self.stride + 1

    @property
    def is_tiling(self) -> bool:
        """Whether the windows stand side by side."""
        return (self.kernel, self.dilation, self.padding) == (self.stride, 1, 0)


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """(N, C, H, W) -> (N, C * kernel, windows), as torch.nn.functional.unfold."""
    if input.dim() == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    batch, channels, *size = shape_of(input)
    rows, columns = _windows(kernel_size, dilation, padding, stride, size)
    x, top, left = input, rows.padding, columns.padding
    if rows.is_tiling and columns.is_tiling:
        x = x[:, :, : rows.count * rows.kernel, : columns.count * columns.kernel]
        shape = (batch, channels, rows.count, rows.kernel, columns.count, columns.kernel)
        x = x.reshape(shape).permute(0, 1, 3, 5, 2, 4)
    else:
        if top or left:
            x = functional.pad(x, (left, left, top, top))
        x = _windowed(_windowed(x, 2, rows), 4, columns).transpose(3, 4)
    return x.reshape(batch, channels * rows.kernel * columns.kernel, rows.count * columns.count)


def _windowed(x: Tensor, axis: int, windows: _Windows) -> Tensor:
    """An axis of a padded tensor as two: kernel, windows."""
    reach = (windows.count - 1) * windows.stride + 1
    parts = []
    for number in range(windows.kernel):
        begin = number * windows.dilation
        cut = [slice(None)] * axis + [slice(begin, begin + reach, windows.stride)]
        parts.append(x[tuple(cut)])
    return torch.stack(parts, axis)


def unfold_axis(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """(..., length, ...) -> (..., windows, ..., size), as torch.Tensor.unfold.

    The fewer slices: one for each window, or one for each place in a window.
    """
    shape = shape_of(input)
    axis = dimension % max(len(shape), 1)
    windows = _Windows(size, 1, 0, step, shape[axis] if shape else 1)
    if not shape or windows.count < 1:
        return input.unfold(dimension, size, step)  # PyTorch's own refusal, or a single value
    if windows.is_tiling:
        tiles = input.narrow(axis, 0, windows.count * size)
        apart = tiles.reshape(*shape[:axis], windows.count, size, *shape[axis + 1 :])
        return movedim(apart, axis + 1, -1)
    if windows.count > size:
        return movedim(_windowed(input, axis, windows), axis, -1)
    each = [input.narrow(axis, number * step, size) for number in range(windows.count)]
    return movedim(torch.stack(each, axis), axis + 1, -1)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """(N, C * kernel, windows) -> (N, C, H, W), the sums, as torch.nn.functional.fold."""
    if input.dim() == 2:
        arguments = (output_size, kernel_size, dilation, padding, stride)
        return fold(input.unsqueeze(0), *arguments).squeeze(0)
    rows, columns = _windows(kernel_size, dilation, padding, stride, each_axis(output_size, 2))
    batch, channels = int(input.shape[0]), int(input.shape[1]) // (rows.kernel * columns.kernel)
    x = input.reshape(batch, channels, rows.kernel, columns.kernel, rows.count, columns.count)
    if rows.is_tiling and columns.is_tiling:
        whole = (batch, channels, rows.count * rows.kernel, columns.count * columns.kernel)
        return _fitted(_fitted(x.permute(0, 1, 4, 2, 5, 3).reshape(whole), 2, rows), 3, columns)
    return _overlapped(_overlapped(x, 3, 5, columns), 2, 3, rows)


def _overlapped(x: Tensor, kernel_axis: int, axis: int, windows: _Windows) -> Tensor:
    """The axes of kernel and windows as one, on which windows add up.

    Value i of a window comes `i * dilation` behind its first: `ahead` windows further on, at one of
    `stride` phases. Each phase is a sum of shifted tensors, and the phases take turns.
    """
    axis -= 1
    taps = [divmod(i * windows.dilation, windows.stride) for i in range(windows.kernel)]
    most = max(ahead for ahead, _ in taps)
    phases: dict[int, Tensor] = {}
    for part, (ahead, phase) in zip(x.unbind(kernel_axis), taps, strict=True):
        shifted = _padded(part, axis, ahead, most - ahead)
        phases[phase] = phases[phase] + shifted if phase in phases else shifted
    missing = torch.zeros([int(n) for n in next(iter(phases.values())).shape])
    turns = [phases.get(phase, missing) for phase in range(windows.stride)]
    joined = turns[0] if len(turns) == 1 else torch.stack(turns, axis + 1).flatten(axis, axis + 1)
    return _fitted(joined, axis, windows)


def _fitted(x: Tensor, axis: int, windows: _Windows) -> Tensor:
    """The axis without its padding, zeros where no window reached."""
    end = windows.padding + windows.length
    x = _padded(x, axis, 0, max(end - int(x.shape[axis]), 0))
    return x[(*[slice(None)] * axis, slice(windows.padding, end))]


def _padded(x: Tensor, axis: int, before: int, after: int) -> Tensor:
    if not before and not after:
        return x
    return functional.pad(x, (*(0,) * 2 * (x.dim() - 1 - axis), before, after))


def _windows(
    kernel_size: Any, dilation: Any, padding: Any, stride: Any, size: Sequence[int]
) -> tuple[_Windows, _Windows]:
    pairs = [each_axis(setting, 2) for setting in (kernel_size, dilation, padding, stride)]
    kernels, dilations, paddings, strides = pairs
    rows, columns = (
        _Windows(kernels[axis], dilations[axis], paddings[axis], strides[axis], size[axis])
        for axis in range(2)
    )
    return rows, columns


PATCHES: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {functional.unfold: unfold, functional.fold: fold, Tensor.unfold: unfold_axis}
)

PATCHES_OF_ATEN: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"aten.im2col": unfold, "aten.col2im": fold, "aten.unfold": unfold_axis}
)
"""The same by the operators' names, where `unfold` is that of an axis."""
