"""torch.einsum by transposes, products, sums and matrix products.

ONNX's Einsum has no kernel in most engines. Operands are taken in pairs from the left; an index
that only one of them has and nobody needs later is summed at once.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Term:
    """A tensor and the index of each of its axes."""

    tensor: Tensor
    indices: str

    def sizes(self, indices: Iterable[str]) -> list[int]:
        """How long the axes of some indices are; 1 of those it has not."""
        known = dict(zip(self.indices, self.tensor.shape, strict=True))
        return [int(known.get(index, 1)) for index in indices]

    def summed(self, kept: Collection[str]) -> _Term:
        """Without the indices that nobody needs."""
        gone = [axis for axis, index in enumerate(self.indices) if index not in kept]
        if not gone:
            return self
        return _Term(self.tensor.sum(gone), "".join(i for i in self.indices if i in kept))

    def arranged(self, indices: str) -> Tensor:
        """Its axes in this order, of length one where it has none of that index."""
        order = [self.indices.index(index) for index in indices if index in self.indices]
        tensor = self.tensor.permute(order) if order != sorted(order) else self.tensor
        for axis, index in enumerate(indices):
            if index not in self.indices:
                tensor = tensor.unsqueeze(axis)
        return tensor


def einsum(*arguments: Any) -> Tensor:
    """As torch.einsum, of an equation and its operands."""
    equation, *operands = arguments
    if not isinstance(equation, str):  # the form with lists of numbers
        result: Tensor = torch.einsum(*arguments)
        return result
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    inputs, output = _parsed(equation, [tensor.dim() for tensor in operands])
    terms = [_diagonals(tensor, i) for tensor, i in zip(operands, inputs, strict=True)]
    result_term = terms[0].summed({*output, *(i for term in terms[1:] for i in term.indices)})
    for number, term in enumerate(terms[1:], 2):
        needed = {*output, *(i for later in terms[number:] for i in later.indices)}
        result_term = _product(result_term, term, needed)
    return result_term.arranged(output)


def _parsed(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The indices of every operand and of the result, those of "..." spelled out."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    free = [c for c in string.ascii_letters if c not in equation]
    hidden = [
        rank - len(i.replace("...", "")) if "..." in i else 0
        for i, rank in zip(inputs, ranks, strict=True)
    ]
    longest = "".join(free[: max(hidden)])
    spelled = [
        i.replace("...", longest[len(longest) - n :]) for i, n in zip(inputs, hidden, strict=True)
    ]
    if arrow:
        return spelled, right.replace("...", longest)
    counts = Counter(c for i in inputs for c in i.replace("...", ""))
    return spelled, longest + "".join(sorted(c for c, n in counts.items() if n == 1))


def _diagonals(tensor: Tensor, indices: str) -> _Term:
    """An operand with its diagonal taken where it names an index twice."""
    for index in dict.fromkeys(indices):
        while indices.count(index) > 1:
            first, second = indices.index(index), indices.rindex(index)
            length = int(tensor.shape[first])
            tensor = tensor.movedim((first, second), (-2, -1)).flatten(-2)[..., :: length + 1]
            indices = indices[:first] + indices[first + 1 : second] + indices[second + 1 :] + index
    return _Term(tensor, indices)


def _product(a: _Term, b: _Term, needed: Collection[str]) -> _Term:
    """The product of two terms, summed over what nobody needs."""
    a, b = a.summed({*needed, *b.indices}), b.summed({*needed, *a.indices})
    shared = [index for index in a.indices if index in b.indices]
    over = "".join(index for index in shared if index not in needed)
    alone = ["".join(index for index in term.indices if index not in shared) for term in (a, b)]
    if not over or not all(alone) or a.sizes(over) != b.sizes(over):
        both = "".join(index for index in a.indices if index not in over) + alone[1] + over
        return _Term(a.arranged(both) * b.arranged(both), both).summed(needed)
    batch = "".join(index for index in shared if index in needed)
    if not batch and len(a.indices) < len(b.indices):  # the matrix of weights stands behind
        a, b, alone = b, a, alone[::-1]
    return _matrix_product(a, b, batch, over, alone)


def _matrix_product(a: _Term, b: _Term, batch: str, over: str, alone: list[str]) -> _Term:
    """One index, or several as one, on each side of a matrix product and between them."""
    first, second = a.arranged(batch + alone[0] + over), b.arranged(batch + over + alone[1])
    inner = math.prod(a.sizes(over))
    columns = math.prod(b.sizes(alone[1]))
    lead = alone[0] if not batch else ""
    rows = a.sizes(lead) if lead else [math.prod(a.sizes(alone[0]))]
    first = _shaped(first, [*a.sizes(batch), *rows, inner])
    second = _shaped(second, [*b.sizes(batch), inner, columns])
    result = torch.matmul(first, second)
    lengths = [max(pair) for pair in zip(a.sizes(batch), b.sizes(batch), strict=True)]
    shape = [*lengths, *a.sizes(alone[0]), *b.sizes(alone[1])]
    return _Term(_shaped(result, shape), batch + alone[0] + alone[1])


def _shaped(x: Tensor, shape: list[int]) -> Tensor:
    return x if list(x.shape) == shape else x.reshape(shape)
