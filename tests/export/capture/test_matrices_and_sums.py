"""Functions of small matrices, and sums by place, as PyTorch computes them, and captured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export.capture.decompositions.matrices import MATRICES
from edgeconv.export.capture.decompositions.sums_by_place import SUMS_BY_PLACE
from tests.helpers.hub import Over, capture_and_compare, operators

Formula = Callable[[Tensor], Tensor]
GENERATOR = torch.Generator().manual_seed(5)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_determinants_inverses_and_solutions(size: int) -> None:
    a = random(5, size, size) + 3 * torch.eye(size)
    for function, given in (
        (torch.linalg.det, (a,)),
        (torch.det, (a,)),
        (torch.linalg.inv, (a,)),
        (torch.inverse, (a,)),
        (torch.linalg.solve, (a, random(5, size, 7))),
        (torch.linalg.solve, (a, random(5, size))),
        (torch.linalg.solve, (a[0], random(size))),
    ):
        assert torch.allclose(MATRICES[function](*given), function(*given))
    b = random(5, 7, size)
    found = MATRICES[torch.linalg.solve](a, b, left=False)
    assert torch.allclose(found, torch.linalg.solve(a, b, left=False))


@pytest.mark.parametrize("dims", [0, 1, 2, ([0, 1], [1, 0]), ([-1], [0])])
def test_tensordot(dims: object) -> None:
    a, b = random(3, 4, 4), random(4, 4, 2)
    if dims == ([0, 1], [1, 0]):
        a = random(4, 4, 3)
    if dims == 2:
        a = random(2, 4, 4)
    assert torch.allclose(MATRICES[torch.tensordot](a, b, dims), torch.tensordot(a, b, dims))


@pytest.mark.parametrize(("one", "two"), [((2, 3), (4, 5)), ((3,), (2, 2)), ((2, 1, 3), (2,))])
def test_kron(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    a, b = random(*one), random(*two)
    assert torch.equal(MATRICES[torch.kron](a, b), torch.kron(a, b))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("expanded", [False, True])
def test_sums_by_place(axis: int, expanded: bool) -> None:
    x, source = random(4, 5, 6), random(7, 8, 9)
    line = torch.randint(0, 4, (source.shape[axis],), generator=GENERATOR)
    more = source.movedim(axis, -1)[:3, :2].movedim(-1, axis)
    into = x.movedim(axis, -1)[:3, :2].movedim(-1, axis)
    found = SUMS_BY_PLACE[torch.index_add](into, axis, line, more, alpha=0.5)
    assert torch.allclose(found, torch.index_add(into, axis, line, more, alpha=0.5))
    places = line.reshape([-1 if a == axis % 3 else 1 for a in range(3)]).expand(more.shape)
    if not expanded:
        places = torch.randint(0, 4, places.shape, generator=GENERATOR)
    found = SUMS_BY_PLACE[torch.scatter_add](into, axis, places, more)
    assert torch.allclose(found, torch.scatter_add(into, axis, places, more))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_one_size(mode: str) -> None:
    weight, bags = random(9, 4), torch.randint(0, 9, (3, 5), generator=GENERATOR)
    found = SUMS_BY_PLACE[functional.embedding_bag](bags, weight, mode=mode)
    assert torch.allclose(found, functional.embedding_bag(bags, weight, mode=mode))


def groups_in_place(y: Tensor) -> Tensor:
    total = torch.zeros(1, 2, 4, 4)
    total.index_add_(1, torch.tensor([0, 1, 0, 1]), y)
    return total


def histogram(y: Tensor) -> Tensor:
    best = y.flatten(2).argmax(1, keepdim=True).clamp(0, 2)
    return y.new_zeros(1, 4, 3).scatter_add(2, best.expand(1, 4, 16), y.flatten(2))


def solved(y: Tensor) -> Tensor:
    return torch.linalg.solve(y[:, :, :3, :3].mean(1) + 2 * torch.eye(3), torch.ones(1, 3, 2))


CAPTURED: dict[str, Formula] = {
    "groups in place": groups_in_place,
    "histogram": histogram,
    "solved": solved,
    "determinant": lambda y: torch.linalg.det(y[:, :, :2, :2]),
    "tensordot": lambda y: torch.tensordot(y, torch.ones(4, 3), ([1], [0])),
    "kron": lambda y: torch.kron(y.mean((2, 3)), torch.tensor([[1.0, 2.0]])),
    "kthvalue": lambda y: y.flatten(1).kthvalue(5)[0],
    "searchsorted": lambda y: torch.searchsorted(torch.linspace(-1, 1, 6), y, right=True),
    "searchsorted by names": lambda y: torch.searchsorted(
        sorted_sequence=torch.linspace(-1, 1, 6), input=y
    ),
    "where a number belongs": lambda y: y + torch.searchsorted(torch.arange(5.0), 2.5),
    "copied by name": lambda y: torch.zeros(1, 4, 4, 4).copy_(other=y.abs()),
    "sum in what is given": lambda y: torch.add(y, 1, out=torch.empty(1, 4, 4, 4)) * y,
    "bags": lambda y: functional.embedding_bag(y.argmax(1)[0], torch.eye(4, 6)),
}


@pytest.mark.parametrize("formula", CAPTURED.values(), ids=CAPTURED)
def test_captured_as_operators_that_engines_have(formula: Formula) -> None:
    torch.manual_seed(0)
    graph = capture_and_compare(Over(formula, nn.Conv2d(3, 4, 3, padding=1)), (1, 3, 4, 4))
    assert not {"Loop", "Det", "Einsum", "ScatterElements"} & set(operators(graph))
