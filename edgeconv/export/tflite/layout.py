"""How a hub tensor lies in the file, and the fewest operators that bring it to another order.

The hub is NCHW, TFLite's spatial operators are NHWC. Every hub tensor therefore has a `Layout` in
the file: an order of its axes. Nothing is transposed because two orders differ; an order changes
only where an operator cannot work in the one its input has. So a hub Transpose writes no operator
at all (it renames axes), most Reshapes write one RESHAPE, and a Flatten before a Gemm leaves its
features in pixel order, which the Gemm's weights follow.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Shape = tuple[int, ...]

#: TFLite's TRANSPOSE takes as many.
_MOST_AXES = 6


@dataclass(frozen=True)
class Layout:
    """Order of a hub tensor's axes in the file.

    Attributes:
        order: file axis i holds hub axis order[i].
        pixels: (C, H, W) where the last axis, of C*H*W features, is a flattened image whose
            features lie in H, W, C order in the file; None otherwise. Only with `order` unchanged.
    """

    order: tuple[int, ...]
    pixels: tuple[int, int, int] | None = None

    def file_shape(self, shape: Shape) -> Shape:
        """Shape in the file of a tensor with this shape in the hub."""
        return tuple(shape[axis] for axis in self.order)

    def file_axis(self, axis: int) -> int:
        """Where the file has a hub axis (which may count from the end)."""
        return self.order.index(axis % len(self.order))

    def to_file(self, array: NDArray[Any]) -> NDArray[Any]:
        """A constant in hub order, brought to the file's order."""
        factors, order = _factors(array.shape, self)
        return array.reshape(factors).transpose(order).reshape(self.file_shape(array.shape))

    def permuted(self, perm: Sequence[int]) -> Layout:
        """Layout of the output of a hub Transpose when the file's tensor stays as it is."""
        return Layout(tuple(list(perm).index(axis) for axis in self.order))

    def lies(self, shape: Shape) -> tuple[Shape, tuple[int, ...]]:
        """A tensor's hub axes, a flattened image's taken apart, and their order in the file."""
        return _factors(shape, self)

    @property
    def is_plain(self) -> bool:
        """Whether the file has the hub's own order."""
        return self.pixels is None and self.order == tuple(range(len(self.order)))


NHWC = Layout((0, 2, 3, 1))


def plain(rank: int) -> Layout:
    """The hub's own order."""
    return Layout(tuple(range(rank)))


def standard(rank: int) -> Layout:
    """What graph inputs and outputs have: NHWC for four axes, the hub's order otherwise."""
    return NHWC if rank == 4 else plain(rank)


@dataclass(frozen=True)
class Step:
    """A RESHAPE to `shape`, or a TRANSPOSE by `perm` that gives `shape`."""

    shape: Shape
    perm: tuple[int, ...] | None = None


def steps(shape: Shape, layout: Layout, new_shape: Shape, new_layout: Layout) -> list[Step]:
    """The RESHAPEs and TRANSPOSEs of a hub Reshape between layouts; none where none is needed.

    With both shapes equal it is a mere change of layout.
    """
    factors, order = _factors(shape, layout)
    new_factors, new_order = _factors(new_shape, new_layout)
    common = _refinement(factors, new_factors)
    file_shape = layout.file_shape(shape)
    if common is None:  # the axes do not line up: pass through the hub's own order
        found = [
            *steps(shape, layout, factors, plain(len(factors))),
            Step(new_factors),
            *steps(new_factors, plain(len(new_factors)), new_shape, new_layout),
        ]
    else:
        before = _sequence(factors, order, common)
        after = _sequence(new_factors, new_order, common)
        found = _reorder(file_shape, common, before, after)
    found.append(Step(new_layout.file_shape(new_shape)))
    return list(_without_idle_steps(file_shape, found))


def transposes(found: Sequence[Step]) -> int:
    """How many of some steps are TRANSPOSEs."""
    return sum(step.perm is not None for step in found)


def reshaped(shape: Shape, layout: Layout, new_shape: Shape) -> Layout:
    """The layout in which the output of a hub Reshape costs least.

    In this order: the standard one where it is free; any other that is free (one RESHAPE, no
    TRANSPOSE); for an image flattened to features, pixel order; otherwise the standard one, paid
    for with a TRANSPOSE.
    """
    usual = standard(len(new_shape))
    if _is_free(shape, layout, new_shape, usual):
        return usual
    derived = _derived(shape, layout, new_shape)
    if derived is not None and _is_free(shape, layout, new_shape, derived):
        return derived
    if layout == NHWC and new_shape == (shape[0], math.prod(shape[1:])):
        return Layout((0, 1), pixels=(shape[1], shape[2], shape[3]))
    return usual


def _is_free(shape: Shape, layout: Layout, new_shape: Shape, new_layout: Layout) -> bool:
    return not transposes(steps(shape, layout, new_shape, new_layout))


def _derived(shape: Shape, layout: Layout, new_shape: Shape) -> Layout | None:
    """The new axes in the order in which the file holds them; None where axes do not line up."""
    factors, order = _factors(shape, layout)
    common = _refinement(factors, new_shape)
    if common is None:
        return None
    position = {factor: i for i, factor in enumerate(_sequence(factors, order, common))}
    keys: list[tuple[int, int]] = []
    previous = -1  # an axis of size 1 may stand anywhere: behind the axis before it
    for axis, run in enumerate(_runs(new_shape, common)):
        previous = position[run[0]] if run else previous
        keys.append((previous, axis))
    return Layout(tuple(axis for _, axis in sorted(keys)))


def _factors(shape: Shape, layout: Layout) -> tuple[Shape, tuple[int, ...]]:
    """A tensor's hub axes, a flattened image's taken apart, and their order in the file."""
    if layout.pixels is None:
        return shape, layout.order
    last = len(shape) - 1
    return shape[:-1] + layout.pixels, (*range(last), last + 1, last + 2, last)


def _refinement(shape: Shape, new_shape: Shape) -> Shape | None:
    """The factors of which both shapes' axes are runs, without ones; None where there are none.

    (4, 6, 5) and (4, 2, 3, 5) have (4, 2, 3, 5); (2, 3) and (3, 2) have none.
    """
    products = sorted({*_prefix_products(shape), *_prefix_products(new_shape)})
    pairs = list(itertools.pairwise(products))
    if any(high % low for low, high in pairs):
        return None
    return tuple(high // low for low, high in pairs)


def _prefix_products(shape: Shape) -> Iterator[int]:
    yield 1
    product = 1
    for size in shape:
        product *= size
        yield product


def _runs(shape: Shape, factors: Shape) -> list[list[int]]:
    """For every axis, the factors it is made of; an axis of size 1 has none."""
    runs: list[list[int]] = []
    following = 0
    for size in shape:
        run: list[int] = []
        while math.prod(factors[i] for i in run) < size:
            run.append(following)
            following += 1
        runs.append(run)
    return runs


def _sequence(shape: Shape, order: Sequence[int], factors: Shape) -> tuple[int, ...]:
    """The factors in the order in which the file holds them."""
    runs = _runs(shape, factors)
    return tuple(factor for axis in order for factor in runs[axis])


def _reorder(
    file_shape: Shape, factors: Shape, before: Sequence[int], after: Sequence[int]
) -> list[Step]:
    """Brings factors to another order; axes of size 1, which may stand anywhere, go first."""
    if tuple(before) == tuple(after):
        return []
    found: list[Step] = []
    sizes = tuple(factors[i] for i in before)
    if len(sizes) > _MOST_AXES:
        return list(_reorder_blocks(factors, before, after))
    if len(file_shape) > _MOST_AXES or tuple(size for size in file_shape if size != 1) != sizes:
        file_shape = sizes
        found.append(Step(sizes))
    ones = [axis for axis, size in enumerate(file_shape) if size == 1]
    others = [axis for axis, size in enumerate(file_shape) if size != 1]
    perm = (*ones, *(others[list(before).index(factor)] for factor in after))
    found.append(Step(tuple(file_shape[axis] for axis in perm), perm))
    return found


def _reorder_blocks(factors: Shape, before: Sequence[int], after: Sequence[int]) -> Iterator[Step]:
    """The same for more axes than a TRANSPOSE takes: what stays together is one axis.

    Where that is not enough, two neighbouring stretches change places at a time.
    """
    blocks = _blocks(before, after)
    while len(blocks) > _MOST_AXES:
        here = [factor for block in blocks for factor in block]
        first = next(i for i, factor in enumerate(after) if here[i] != factor)
        last = next(block for block in blocks if block[0] == after[first])
        start, end = here.index(last[0]), here.index(last[-1]) + 1
        parts = [here[:first], here[first:start], here[start:end], here[end:]]
        yield from _swapped(factors, parts)
        blocks = _blocks([*parts[0], *parts[2], *parts[1], *parts[3]], after)
    order = sorted(range(len(blocks)), key=lambda i: after.index(blocks[i][0]))
    if order != list(range(len(blocks))):
        sizes = tuple(math.prod(factors[i] for i in block) for block in blocks)
        yield Step(sizes)
        yield Step(tuple(sizes[i] for i in order), tuple(order))


def _swapped(factors: Shape, parts: Sequence[Sequence[int]]) -> Iterator[Step]:
    """Four stretches of axes, of which the two in the middle change places."""
    sizes = tuple(math.prod(factors[i] for i in part) for part in parts)
    yield Step(sizes)
    yield Step((sizes[0], sizes[2], sizes[1], sizes[3]), (0, 2, 1, 3))


def _blocks(before: Sequence[int], after: Sequence[int]) -> list[list[int]]:
    """The factors in the order before, those in one list that follow each other after, too."""
    blocks: list[list[int]] = []
    for factor in before:
        place = after.index(factor)
        if blocks and place and after[place - 1] == blocks[-1][-1]:
            blocks[-1].append(factor)
        else:
            blocks.append([factor])
    return blocks


def _without_idle_steps(shape: Shape, found: list[Step]) -> Iterator[Step]:
    """Drops RESHAPEs that change nothing or that the next RESHAPE overrides."""
    for step, following in zip(found, [*found[1:], None], strict=True):
        if step.perm is None:
            overridden = following is not None and following.perm is None
            if step.shape == shape or overridden:
                continue
        yield step
        shape = step.shape
