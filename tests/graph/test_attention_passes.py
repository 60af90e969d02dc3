"""Products of matrices in one form, and factors around them in the weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.helpers.hub import capture_and_compare, operators, unsettle


class Tokens(nn.Module):
    """Tokens of a convolution (1, 36, 8), then what is under test."""

    def __init__(self, tail: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.stem, self.tail = nn.Conv2d(3, 8, 2, 2), tail
        self.qkv = nn.Linear(8, 24)
        self.row = nn.Parameter(torch.randn(8))
        self.left = nn.Parameter(torch.randn(5, 36))

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self, self.stem(x).flatten(2).transpose(1, 2))


def of(tail: Callable[[Tokens, Tensor], Tensor]) -> list[str]:
    return operators(capture_and_compare(unsettle(Tokens(tail))))


def heads(net: Tokens, x: Tensor) -> tuple[Tensor, ...]:
    return net.qkv(x).reshape(1, 36, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)


FACTORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "queries": lambda q, k: (q * 0.3) @ k.transpose(-2, -1),
    "keys": lambda q, k: q @ (k.transpose(-2, -1) / 5),
    "both": lambda q, k: (q * 0.3) @ (k * 0.4).transpose(-2, -1),
    "scores": lambda q, k: (q @ k.transpose(-2, -1)) / 7,
    "scores twice": lambda q, k: (q @ k.transpose(-2, -1)) * 3 * 0.2,
    "none": lambda q, k: q @ k.transpose(-2, -1),
}


@pytest.mark.parametrize("scores", FACTORS.values(), ids=list(FACTORS))
def test_a_factor_of_an_attention_goes_into_the_weights(scores) -> None:
    def tail(net: Tokens, x: Tensor) -> Tensor:
        q, k, v = heads(net, x)
        return (scores(q, k).softmax(-1) @ v).transpose(1, 2).reshape(1, 36, 8)

    found = of(tail)
    assert "Mul" not in found
    assert "Div" not in found
    assert found.count("MatMul") == 2
    assert found.count("Gemm") == 1


def test_a_factor_stays_where_others_read_the_same_channels() -> None:
    def tail(net: Tokens, x: Tensor) -> Tensor:
        q, k, _ = heads(net, x)
        return ((q * 0.3) @ k.transpose(-2, -1)).softmax(-1) @ q

    assert of(tail).count("Mul") == 1


def test_a_factor_by_zero_stays() -> None:
    assert "Mul" in of(lambda net, x: net.qkv(x) * 0.0)


MATRICES: dict[str, tuple[Callable[[Tokens, Tensor], Tensor], dict[str, int]]] = {
    "without a bias": (lambda net, x: F.linear(x, net.qkv.weight), {"Gemm": 1, "MatMul": 0}),
    "by a vector": (lambda net, x: x @ net.row, {"Gemm": 1, "MatMul": 0}),
    "of a vector": (lambda net, x: net.row @ x.transpose(1, 2), {"Gemm": 1, "MatMul": 0}),
    "of a constant": (lambda net, x: net.left @ x, {"Gemm": 1, "MatMul": 0}),
    "of two computed": (lambda net, x: x @ x.transpose(1, 2), {"Gemm": 0, "MatMul": 1}),
    "of a computed vector": (lambda net, x: x[:, 0] @ x[0].t(), {"Gemm": 0, "MatMul": 1}),
    "of computed vectors": (lambda net, x: (x[0, 0] @ x[0, 1])[None], {"Gemm": 0, "MatMul": 1}),
    "added up": (
        lambda net, x: torch.addmm(x[0, :, :1], x[0], x[0].t(), beta=0.5, alpha=2.0),
        {"Gemm": 0, "MatMul": 1, "Add": 1},
    ),
}


@pytest.mark.parametrize(("tail", "counts"), MATRICES.values(), ids=list(MATRICES))
def test_products_have_one_form(tail, counts: dict[str, int]) -> None:
    found = of(tail)
    assert {name: found.count(name) for name in counts} == counts
