"""Functions that the exporter refuses, or writes otherwise: as PyTorch computes them in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export.capture.decompositions.functions import FUNCTIONS
from edgeconv.export.capture.hub import capture
from edgeconv.quantize.plan.in_float import float_nodes
from tests.export.tflite import engines, graphs
from tests.helpers.tflite_bytes import tflite_bytes

Formula = Callable[[Tensor], Tensor]

#: Whole numbers, halves, zero, what is near them, small and large ones, of both signs.
EDGES = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 7.5, 1e-3, 1e-6, 0.999, 1.001])


def values() -> Tensor:
    drawn = 3 * torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(3))
    drawn.view(-1)[: 2 * len(EDGES)] = torch.cat([EDGES, -EDGES])
    return drawn + 0.0  # no zero has a sign, which an angle would tell


def positive(x: Tensor) -> Tensor:
    return x.abs() + 0.1


def inside(x: Tensor) -> Tensor:
    return x / (x.abs() + 0.01)


def in_float32(formula: Formula, x: Tensor) -> Tensor:
    """What a file computes before a function that magnifies its rounding."""
    return formula(x.float()).to(x.dtype)


def other(x: Tensor) -> Tensor:
    return x.flip(2) + 0.1


FORMULAS: dict[str, Formula] = {
    "sinh": torch.sinh,
    "cosh": Tensor.cosh,
    "expm1": torch.special.expm1,
    "expm1 near zero": lambda x: torch.expm1(1e-3 * x),
    "log1p": lambda x: torch.log1p(positive(x)),
    "log1p below zero": lambda x: torch.special.log1p(-inside(x).abs() * 0.9),
    "asinh": torch.asinh,
    "acosh": lambda x: torch.acosh(in_float32(lambda x: 1 + x.abs(), x)),
    "atanh": lambda x: torch.atanh(in_float32(inside, x)),
    "atan2": lambda x: torch.atan2(x, other(x)),
    "atan2 on the axes": lambda x: torch.atan2(torch.relu(x), torch.relu(x.flip(2))),
    "trunc": torch.trunc,
    "trunc in place": lambda x: (x * 1).trunc_(),
    "frac": torch.frac,
    "remainder": lambda x: torch.remainder(x, 0.75),
    "remainder by less than zero": lambda x: x % -0.75,
    "remainder by a tensor": lambda x: torch.remainder(input=x, other=other(x)),
    "remainder of a number": lambda x: 5.0 % positive(x),
    "floor_divide": lambda x: x // 0.75,
    "floor_divide of a number": lambda x: 5.0 // positive(x),
    "div, down": lambda x: torch.div(x, -0.75, rounding_mode="floor"),
    "div, to zero": lambda x: x.div(0.75, rounding_mode="trunc"),
    "copysign": lambda x: torch.copysign(x, other(x)),
    "heaviside": lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=x.dtype)),
    "erfc": torch.erfc,
    "ndtr": torch.special.ndtr,
    "xlogy": lambda x: torch.xlogy(torch.relu(x), torch.relu(x)),
    "sinc": torch.sinc,
    "logit": lambda x: torch.logit(torch.sigmoid(x), 1e-2),
    "hardshrink": functional.hardshrink,
    "threshold": lambda x: functional.threshold(x, 0.5, 0.0),
    "threshold to a number": nn.Threshold(-0.25, 20.0),
    "threshold in place": lambda x: nn.Threshold(1.0, -1.0, inplace=True)(x * 1),
    "softplus": nn.Softplus(beta=2.0, threshold=3.0),
    "entr": lambda x: torch.special.entr(torch.relu(x)),
    "rms_norm": lambda x: functional.rms_norm(x, (5,), torch.linspace(1, 2, 5, dtype=x.dtype)),
    "softshrink": lambda x: functional.softshrink(x, 0.75),
    "logsigmoid": lambda x: functional.logsigmoid(x * 40),
    "logaddexp": lambda x: torch.logaddexp(100 * x, 100 * other(x)),
    "logaddexp2": lambda x: torch.logaddexp2(x, other(x)),
    "hypot": lambda x: torch.hypot(x, other(x)),
    "lerp": lambda x: torch.lerp(x, other(x), 0.75),
    "lerp by a tensor": lambda x: torch.lerp(x, other(x), torch.sigmoid(x)),
    "addcdiv": lambda x: torch.addcdiv(x, other(x), positive(x), value=0.3),
    "diff": lambda x: torch.diff(x, 2, dim=1),
    "dist": lambda x: torch.dist(x, other(x)) + x,
    "float_power": lambda x: torch.float_power(positive(x), 1.3).to(x.dtype),
    "cumprod": lambda x: torch.cumprod(inside(x), 2),
    "logcumsumexp": lambda x: torch.logcumsumexp(20 * x, 1),
    "cummax": lambda x: torch.cummax(x, 3).values,
    "cummin": lambda x: torch.cummin(x, 2)[0],
    "median": lambda x: torch.median(x, 2).values,
    "median, axis kept": lambda x: x.median(1, keepdim=True)[0] + x,
    "median of all": lambda x: x - x.median(),
    "sgn": torch.sgn,
    "exp2": torch.exp2,
    "fmax": lambda x: torch.fmax(x, other(x)),
    "deg2rad": torch.deg2rad,
}


class Net(nn.Module):
    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(x)


def hub(formula: Formula) -> ir.Model:
    return capture(Net(formula), values(), name="net")


@pytest.mark.parametrize("name", FORMULAS)
def test_both_files_give_what_pytorch_gives_in_float64(name: str) -> None:
    x = values()
    wanted = FORMULAS[name](x.double()).numpy()
    model = hub(FORMULAS[name])
    (onnx,) = graphs.reference(model, {"input": x.numpy()}).values()
    data = tflite_bytes(model)
    (tflite,) = engines.run(engines.xnnpack, data, {"input": x.numpy()}).values()
    for found in (onnx, tflite):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["log1p", "hardshrink", "remainder", "rms_norm"])
def test_no_part_of_such_a_function_is_rounded_in_int8_files(name: str) -> None:
    model = hub(FORMULAS[name])
    before = {node.name for node in hub(positive).graph} if name == "log1p" else set()
    assert {node.name for node in model.graph} - float_nodes(model) <= before


def test_sizes_are_computed_as_whole_numbers() -> None:
    model = hub(lambda x: x[..., : x.shape[2] // 4, : x.shape[3] % 3])
    assert [tuple(value.shape or ()) for value in model.graph.outputs] == [(1, 4, 1, 2)]


def test_every_name_of_a_function_is_taken() -> None:
    assert {torch.log1p, Tensor.log1p, torch.special.log1p, Tensor.log1p_} <= FUNCTIONS.keys()


def test_bilinear_layers_need_no_product_of_computed_matrices() -> None:
    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layer = nn.Bilinear(4, 4, 7)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.layer(x.mean((2, 3)), x.amax((2, 3)))
            return result

    head, x = Head().eval(), values()
    model = capture(head, x, name="net")
    (found,) = engines.run(engines.xnnpack, tflite_bytes(model), {"input": x.numpy()}).values()
    with torch.no_grad():
        wanted = head.double()(x.double()).numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-6 * np.abs(wanted).max())
