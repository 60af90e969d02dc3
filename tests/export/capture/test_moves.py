"""What functions are spelled out as gives what PyTorch's own give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from edgeconv.export.capture.decompositions import moves
from edgeconv.export.capture.decompositions.einsum import einsum
from edgeconv.export.capture.decompositions.patches import fold, unfold, unfold_axis

SIDES = st.tuples(st.integers(1, 3), st.integers(1, 3))
EQUATIONS = (
    "bchw->bhwc", "bchw->bc", "bchw->", "bchh->bc", "bchh->bhc", "bc,bd->bcd", "bchw,bc->bchw",
    "bchw,bchw->bhw", "bchw,cd->bdhw", "dc,bchw->bdhw", "bchw,bchw,bc->b", "bhid,bhjd->bhij",
    "bhij,bhjd->bihd", "bchw,bc->bhw", "bchw,bcwd->bchd", "...hw,...wd->...hd", "bi,bi", "bi,ij,jk",
    "nctv,cvw->nctw", "...c,cd->...d", "bcij,bdij->bcd", "ab,cd->abcd", "bhqc,hkc->bhqk",
)  # fmt: skip


def random(*shape: int, seed: int = 0) -> Tensor:
    """Whole numbers, whose sums are exact in any order."""
    return torch.randint(-9, 9, shape, generator=torch.Generator().manual_seed(seed)).float()


@settings(max_examples=150, derandomize=True, deadline=None)
@given(SIDES, SIDES, st.tuples(st.integers(0, 2), st.integers(0, 2)), SIDES, SIDES)
def test_unfold_and_fold(
    kernel: tuple[int, int],
    dilation: tuple[int, int],
    padding: tuple[int, int],
    stride: tuple[int, int],
    more: tuple[int, int],
) -> None:
    height, width = (4 + n for n in more)
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    assume(reach[0] <= height + 2 * padding[0] and reach[1] <= width + 2 * padding[1])
    x = random(2, 3, height, width)
    wanted = functional.unfold(x, kernel, dilation, padding, stride)
    assert torch.equal(unfold(x, kernel, dilation, padding, stride), wanted)
    assert torch.equal(
        fold(wanted, (height, width), kernel, dilation, padding, stride),
        functional.fold(wanted, (height, width), kernel, dilation, padding, stride),
    )


@pytest.mark.parametrize("size", [4, (6, 8)])
def test_tiles_are_folded_and_unfolded_by_a_number(size: int | tuple[int, int]) -> None:
    height, width = (size, size) if isinstance(size, int) else size
    x = random(3, height + 1, width + 1)
    patches = functional.unfold(x, 2, stride=2)
    assert torch.equal(unfold(x, 2, stride=2), patches)
    wanted = functional.fold(patches, (height + 1, width + 1), 2, stride=(2, 2))
    assert torch.equal(fold(patches, (height + 1, width + 1), 2, stride=(2, 2)), wanted)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("axis", [1, -2, -1])
def test_windows_of_an_axis(axis: int, size: int, step: int) -> None:
    x = random(2, 8, 7, 9)
    assert torch.equal(unfold_axis(x, axis, size, step), x.unfold(axis, size, step))


def test_the_one_window_of_a_number() -> None:
    x = torch.tensor(3.0)
    assert torch.equal(unfold_axis(x, 0, 1, 1), x.unfold(0, 1, 1))


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation: str) -> None:
    sizes = dict(zip("abcdhijkmnqtvw", range(2, 16), strict=True))
    inputs = equation.partition("->")[0].split(",")
    operands = [
        random(*(n for c in each.replace("...", "mn") for n in [sizes[c]]), seed=number)
        for number, each in enumerate(inputs)
    ]
    found, wanted = einsum(equation, *operands), torch.einsum(equation, *operands)
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted)


def test_einsum_takes_its_operands_in_a_list_and_broadcasts() -> None:
    a, b = random(3, 1, 4), random(5, 4)
    assert torch.equal(einsum("bxc, xc -> bx", [a, b]), torch.einsum("bxc,xc->bx", a, b))


X = random(3, 4, 5, 6)
MATRIX = random(4, 7)
MASK = torch.arange(30).reshape(5, 6) % 4 == 0
SAME: tuple[tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]], ...] = (
    *((moves.rot90, torch.rot90, (X, k, dims)) for k in (-1, 0, 1, 2, 7)
      for dims in ([2, 3], [3, 1])),
    *((moves.roll, torch.roll, (X, *each)) for each in
      (((3,)), (0, 2), (-9, 3), ((2, -1), (2, 0)))),
    *((moves.movedim, torch.movedim, (X, *each)) for each in
      ((1, -1), (-1, 0), ((-1, 0), (1, -2)), ((2, 3, 0), (0, -1, 2)), ((), ()))),
    *((moves.diagonal, torch.diagonal, (X, o, 2, 3)) for o in (-4, -1, 0, 2, 5)),
    *((moves.diagonal, torch.diagonal, (X, o, 3, 0)) for o in (-4, 0, 2)),
    *((moves.diag_embed, torch.diag_embed, (MATRIX, o)) for o in (-2, 0, 1)),
    (moves.diag_embed, torch.diag_embed, (X, 1, 0, 2)),
    (moves.take_along_dim, torch.take_along_dim, (X, torch.tensor([[[[5]], [[0]]]]).mT % 4, 1)),
    (moves.take_along_dim, torch.take_along_dim, (X, torch.tensor([7, 100]))),
    (moves.slice_scatter, torch.slice_scatter, (X, X[:, :2] + 1, 1, 1, 4, 2)),
    (moves.select_scatter, torch.select_scatter, (X, X[..., 0] + 1, 3, -2)),
    *((moves.tensor_split, torch.tensor_split, (X, each, 3)) for each in (4, 1, (1, 4), (-2,))),
    (moves.hsplit, torch.hsplit, (X, 2)),
    (moves.hsplit, torch.hsplit, (X[0, 0, 0], [2])),
    *((ours, theirs, ([MATRIX, MATRIX + 1],)) for ours, theirs in (
        (moves.hstack, torch.hstack), (moves.vstack, torch.vstack), (moves.dstack, torch.dstack),
        (moves.column_stack, torch.column_stack))),
    *((ours, theirs, ([MATRIX[0], MATRIX[1]],)) for ours, theirs in (
        (moves.hstack, torch.hstack), (moves.vstack, torch.vstack), (moves.dstack, torch.dstack),
        (moves.column_stack, torch.column_stack))),
    (moves.block_diag, torch.block_diag, (MATRIX, MATRIX[0], MATRIX[:, :2])),
)  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs", "arguments"), SAME)
def test_moves(
    ours: Callable[..., Any], theirs: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    found, wanted = ours(*arguments), theirs(*arguments)
    for one, other in zip(
        *(each if isinstance(each, list | tuple) else [each] for each in (found, wanted)),
        strict=True,
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "index",
    [(..., MASK), (slice(None), slice(None), MASK), (slice(None), X[0, :, :, 0] > 0),
     MASK.expand_as(X),
     (slice(None), MASK[0, :4]), (slice(None), MASK[0, :4], ...), (0, slice(None), MASK)],
)  # fmt: skip
def test_a_number_is_written_where_a_mask_says(index: Any) -> None:
    found, wanted = X.clone(), X.clone()
    function, arguments = moves.by_places(Tensor.__setitem__, (found, index, 7.5))
    function(*arguments)
    wanted[index] = 7.5
    assert torch.equal(found, wanted)


@pytest.mark.parametrize(
    "index",
    [MASK.expand(3, 4, 5, 6), (..., MASK), (slice(None), slice(1, 3), MASK), 1, None,
     (slice(None), torch.tensor([True, False, True, True])), (0, slice(None), MASK)],
)  # fmt: skip
def test_what_a_mask_marks_is_read_by_places(index: Any) -> None:
    function, arguments = moves.by_places(Tensor.__getitem__, (X, index))
    assert torch.equal(function(*arguments), X[index])
