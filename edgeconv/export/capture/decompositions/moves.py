"""Spells out functions that move values, for which the exporter has no form, or a wrong one.

Each by slices, transposes, flips and concatenations; constant indices and masks stay constants.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgeconv.export.capture.decompositions.plain_numbers import shape_of
from edgeconv.export.capture.decompositions.writes import is_whole, written


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """By a flip and a transpose."""
    first, second = dims
    if k % 4 == 0:
        return input
    if k % 4 == 2:
        return input.flip(first, second)
    flipped = input.flip(second if k % 4 == 1 else first)
    return flipped.transpose(first, second)


def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    """Axis by axis, or over the flattened tensor where no axis is named; not by nothing."""
    shifts = shifts if isinstance(shifts, Sequence) else (shifts,)
    dims = dims if isinstance(dims, Sequence) else (dims,)
    if not dims:
        return roll(input.reshape(-1), shifts, 0).reshape(shape_of(input))
    rolled = input
    for shift, axis in zip(shifts, dims, strict=True):
        length = int(input.shape[axis])
        begin = -int(shift) % length if length else 0
        if begin:
            ends = rolled.narrow(axis, begin, length - begin), rolled.narrow(axis, 0, begin)
            rolled = torch.cat(ends, axis)
    return rolled


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """By a permute: the exporter's own has axes in it that count from the end, and no shape."""
    rank = input.dim()
    taken, put = (
        [int(axis) % rank for axis in (axes if isinstance(axes, Sequence) else (axes,))]
        for axes in (source, destination)
    )
    if len(set(taken)) != len(put) or len(set(put)) != len(taken):
        return torch.movedim(input, source, destination)  # PyTorch's own refusal
    others = iter(axis for axis in range(rank) if axis not in taken)
    return input.permute(
        [taken[put.index(axis)] if axis in put else next(others) for axis in range(rank)]
    )


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Every value of the flattened matrices that is a row and a column behind the last."""
    flat = movedim(input, (dim1, dim2), (-2, -1))
    rows, columns = shape_of(flat)[-2:]
    begin = offset if offset >= 0 else -offset * columns
    count = min(rows + min(offset, 0), columns - max(offset, 0))
    end = begin + (count - 1) * (columns + 1) + 1
    return flat.flatten(-2)[..., begin : end : columns + 1]


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros behind every value of a row, as many as bring the next one onto the diagonal."""
    *lead, count = shape_of(input)
    size = count + abs(offset)
    apart = torch.cat([input.unsqueeze(-1), torch.zeros(*lead, count, size)], -1).flatten(-2)
    begin = offset if offset >= 0 else -offset * size
    ends = torch.zeros(*lead, begin), torch.zeros(*lead, size * size)
    flat = torch.cat([ends[0], apart, ends[1]], -1)[..., : size * size]
    return movedim(flat.reshape(*lead, size, size), (-2, -1), (dim1, dim2))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """A gather by indices repeated along the other axes."""
    if dim is None:
        return input.reshape(-1).gather(0, indices.reshape(-1))
    shape = list(np.broadcast_shapes(*(_without(t, dim) for t in (input, indices))))
    axis = dim % input.dim()
    counts = [int(t.shape[axis]) for t in (input, indices)]
    wide, where = (
        t.expand(*shape[:axis], n, *shape[axis:])
        for t, n in zip((input, indices), counts, strict=True)
    )
    return wide.gather(dim, where)


def _without(x: Tensor, axis: int) -> tuple[int, ...]:
    shape = list(shape_of(x))
    del shape[axis]
    return tuple(shape)


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """An assignment to a copy."""
    return _assigned(input, src, dim, slice(start, end, step))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """An assignment to a copy."""
    return _assigned(input, src, dim, index)


def _assigned(input: Tensor, src: Tensor, dim: int, place: slice | int) -> Tensor:
    result = input.clone()
    result[(*[slice(None)] * (dim % input.dim()), place)] = src
    return result


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> list[Tensor]:
    """Slices: as even as may be, the longer ones first; or up to each of the indices."""
    length, given = int(input.shape[dim]), indices_or_sections
    if isinstance(given, int):
        short, longer = divmod(length, given)
        ends = [(i + 1) * short + min(i + 1, longer) for i in range(given)]
    else:
        ends = [*(min(int(end) % length if end < 0 else int(end), length) for end in given), length]
    cut = [slice(None)] * (dim % input.dim())
    return [input[(*cut, slice(a, b))] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def hsplit(input: Tensor, indices_or_sections: Any) -> list[Tensor]:
    """Along the second axis, of rows along the first."""
    return tensor_split(input, indices_or_sections, 0 if input.dim() == 1 else 1)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Along the second axis, of rows along the first."""
    rows = [t if t.dim() else t.reshape(1) for t in tensors]
    return torch.cat(rows, 0 if rows[0].dim() == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Along the first axis, rows one below the other."""
    return torch.cat([t if t.dim() > 1 else t.reshape(1, -1) for t in tensors])


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Along the third axis."""
    flat = [t if t.dim() > 1 else t.reshape(1, -1) for t in tensors]
    return torch.cat([t if t.dim() > 2 else t.unsqueeze(-1) for t in flat], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Along the second axis, rows as columns."""
    return torch.cat([t if t.dim() > 1 else t.reshape(-1, 1) for t in tensors], 1)


def block_diag(*tensors: Tensor) -> Tensor:
    """Each matrix between zeros."""
    matrices = [t if t.dim() == 2 else t.reshape(1, -1) for t in tensors]
    widths = [int(m.shape[1]) for m in matrices]
    rows = []
    for number, matrix in enumerate(matrices):
        height = int(matrix.shape[0])
        ends = sum(widths[:number]), sum(widths[number + 1 :])
        zeros = [torch.zeros(height, n) for n in ends]
        parts = [zeros[0], matrix, zeros[1]]
        rows.append(torch.cat([part for part in parts if part.shape[1]], 1))
    return torch.cat(rows)


def by_places(func: Callable[..., Any], args: Sequence[Any]) -> tuple[Callable[..., Any], Any]:
    """Reads and writes by a mask, or of all, as a call that the exporter takes for what it is.

    It is another call and not made here: the exporter knows that what is written belongs to a slice
    by the line of code that both were called from.
    """
    if func is Tensor.__getitem__:
        return func, (args[0], _numbered(args[1]))
    if func is Tensor.__setitem__:
        mask = _spread_mask(*args)
        if mask is not None:
            return by_places(Tensor.copy_, (args[0], args[0].masked_fill(mask, args[2])))
        if args[1] is Ellipsis and args[0].dim():
            return func, (args[0], slice(None), args[2])
    if func is Tensor.copy_ and is_whole(args[0]):
        return written, args
    return func, args


def _numbered(index: Any) -> Any:
    """Constant masks as the numbers of the places they mark, which the exporter mistakes."""
    given = index if isinstance(index, tuple) else (index,)
    if not any(map(_is_mask, given)):
        return index
    numbers: list[Any] = []
    for each in given:
        numbers.extend(_places(each) if _is_mask(each) else [each])
    return tuple(numbers)


def _places(mask: Tensor) -> list[Tensor]:
    """The indices of what a mask marks along each of its axes, as constants."""
    return [torch.from_numpy(places) for places in np.nonzero(mask.detach().numpy())]


def _spread_mask(x: Tensor, index: Any, value: Any) -> Tensor | None:
    """The mask with all axes, where a number is written by one mask of some; None elsewhere."""
    given = index if isinstance(index, tuple) else (index,)
    masks = [i for i, each in enumerate(given) if _is_mask(each)]
    whole = [each is Ellipsis or _is_all(each) for each in given]
    is_number = not isinstance(value, Tensor) or value.dim() == 0
    if len(masks) != 1 or sum(whole) != len(given) - 1 or not is_number or len(given) == 1:
        return None
    mask, after = given[masks[0]], given[masks[0] + 1 :]
    behind = sum(map(_is_all, after))
    if not any(each is Ellipsis for each in given[: masks[0]]):
        behind += x.dim() - mask.dim() - sum(map(_is_all, given))
    spread: Tensor = mask.reshape(*shape_of(mask), *(1,) * behind)
    return spread


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype == torch.bool and index.dim() > 0


def _is_all(index: Any) -> bool:
    return isinstance(index, slice) and index == slice(None)


def transposed(input: Tensor) -> Tensor:
    """mT and adjoint: the last two axes change places."""
    return input.transpose(-2, -1)


def flipped_across(input: Tensor) -> Tensor:
    """fliplr: along the second axis."""
    return input.flip(1)


def flipped_down(input: Tensor) -> Tensor:
    """flipud: along the first axis."""
    return input.flip(0)


MOVES: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **dict.fromkeys((torch.rot90, Tensor.rot90), rot90),
        **dict.fromkeys((torch.roll, Tensor.roll), roll),
        **dict.fromkeys((torch.movedim, Tensor.movedim), movedim),
        **dict.fromkeys((torch.moveaxis, Tensor.moveaxis), movedim),
        **dict.fromkeys((torch.diagonal, Tensor.diagonal), diagonal),
        **dict.fromkeys((torch.diag_embed, Tensor.diag_embed), diag_embed),
        **dict.fromkeys((torch.take_along_dim, Tensor.take_along_dim), take_along_dim),
        **dict.fromkeys((torch.slice_scatter, Tensor.slice_scatter), slice_scatter),
        **dict.fromkeys((torch.select_scatter, Tensor.select_scatter), select_scatter),
        **dict.fromkeys((torch.tensor_split, Tensor.tensor_split), tensor_split),
        **dict.fromkeys((torch.hsplit, Tensor.hsplit), hsplit),
        **dict.fromkeys((torch.fliplr, Tensor.fliplr), flipped_across),
        **dict.fromkeys((torch.flipud, Tensor.flipud), flipped_down),
        torch.hstack: hstack,
        **dict.fromkeys((torch.vstack, torch.row_stack), vstack),
        torch.dstack: dstack,
        torch.column_stack: column_stack,
        torch.block_diag: block_diag,
        Tensor.mT.__get__: transposed,  # type: ignore[attr-defined]  # a property
        Tensor.adjoint: transposed,
    }
)
