"""A gelu is known however it is spelled, and nothing else is taken for one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.export.capture.hub import capture
from edgeconv.graph.passes.polynomials import polynomial_of
from tests.export.tflite import graphs

Formula = Callable[[Tensor], Tensor]
ROOT = math.sqrt(2 / math.pi)


def erf(x: Tensor) -> Tensor:
    return torch.erf(x / math.sqrt(2))


def tanh(x: Tensor) -> Tensor:
    return torch.tanh(ROOT * (x + 0.044715 * x**3))


SPELLINGS: dict[str, Formula] = {
    "halves apart": lambda x: x * (0.5 + 0.5 * erf(x)),
    "two products": lambda x: 0.5 * x + 0.5 * x * erf(x),
    "a sum, halved": lambda x: (x + x * erf(x)) * 0.5,
    "the curve first": lambda x: (erf(x) + 1) * x / 2,
    "a difference": lambda x: 0.5 * x * (1 - torch.erf(-x * math.sqrt(0.5))),
    "two signs": lambda x: -x * -0.5 * (1 + erf(x)),
    "of a sum": lambda x: (x + 1) * 0.5 * (1 + erf(x + 1)),
    "x drawn out": lambda x: 0.5 * x * (1 + torch.tanh(x * ROOT * (1 + 0.044715 * x * x))),
    "numbers multiplied": lambda x: 0.5 * x * (1 + torch.tanh(ROOT * x + ROOT * 0.044715 * x**3)),
    "a sigmoid": lambda x: x * torch.sigmoid(2 * ROOT * (x + 0.044715 * x**3)),
    "the sum of both": lambda x: 0.5 * (x + x * tanh(x)),
}
SCALED: dict[str, Formula] = {
    "behind": lambda x: nn.functional.gelu(x) * 1.7015 * 0.2,
    "no half": lambda x: x * (1 + erf(x)),
    "less than none": lambda x: x * tanh(x) * -3 + x * -3,
}
OTHERS: dict[str, Formula] = {
    "another width": lambda x: x * 0.5 * (1 + torch.erf(x / 1.5)),
    "another sum": lambda x: x * 0.5 * (1.1 + erf(x)),
    "another factor": lambda x: x.flip(1) * 0.5 * (1 + erf(x)),
    "another cube": lambda x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.05 * x**3))),
    "a quick one": lambda x: x * torch.sigmoid(1.702 * x),
    "a power more": lambda x: 0.5 * x * x * (1 + erf(x)),
}


class Net(nn.Module):
    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x)


def operators_of(formula: Formula) -> list[str]:
    """The hub's operators; its values are checked against PyTorch in float64."""
    x = 3 * torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    model = capture(Net(formula), x, name="net")
    (found,) = graphs.reference(model, {"input": x.numpy()}).values()
    wanted = formula(x.double()).numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-6 * np.abs(wanted).max())
    return [node.op_type for node in model.graph]


@pytest.mark.parametrize("formula", SPELLINGS.values(), ids=list(SPELLINGS))
def test_every_spelling_is_one_operator(formula: Formula) -> None:
    assert operators_of(formula)[-1:] == ["Gelu"]
    assert "Erf" not in operators_of(formula)


@pytest.mark.parametrize("formula", SCALED.values(), ids=list(SCALED))
def test_another_factor_is_a_product_behind_it(formula: Formula) -> None:
    assert operators_of(formula) == ["Gelu", "Mul"]


@pytest.mark.parametrize("formula", OTHERS.values(), ids=list(OTHERS))
def test_nothing_else_is_taken_for_one(formula: Formula) -> None:
    assert "Gelu" not in operators_of(formula)


@pytest.mark.parametrize("seed", range(8))
def test_factors_come_in_any_order(seed: int) -> None:
    drawn = random.Random(seed)
    curve = drawn.choice([erf, tanh])

    def formula(x: Tensor) -> Tensor:
        drawn.seed(seed)
        gate = drawn.choice([lambda g: 1 + g, lambda g: g + 1, lambda g: g - (-1)])(curve(x))
        factors: list[Tensor | float] = [x, gate, *drawn.choice([[0.5], [2.0, 0.25], [0.25, 2.0]])]
        drawn.shuffle(factors)
        result = factors[0] * factors[1]
        for factor in factors[2:]:
            result = factor * result if drawn.random() < 0.5 else result * factor
        return result if isinstance(result, Tensor) else x

    assert operators_of(formula)[-1] == "Gelu"


def test_what_hangs_on_something_else_is_no_polynomial() -> None:
    model = graphs.of_node("Add", (1, 2), inputs=[(1, 2)])
    x, other = model.graph.inputs
    assert polynomial_of(model.graph.outputs[0], [x]) is None
    assert polynomial_of(model.graph.outputs[0], [x, other]) == {(1, 0): 1.0, (0, 1): 1.0}
