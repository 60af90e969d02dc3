"""A plan that would run and give wrong values is refused, naming the tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from edgeconv.errors import PlanRefused
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant, QuantParams
from edgeconv.quantize.plan.planner import build_plan
from edgeconv.quantize.plan.rules import check_plan
from tests.quantize.nets import hub, photos


class Everything(nn.Module):
    """Convolutions, a concatenation, an average pool, a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.left(x), self.right(x)], 1)
        return torch.sigmoid(nn.functional.avg_pool2d(x, 2))


MODEL = hub(Everything())
POOLED, JOINED, LOGITS = (
    next(n.outputs[0].name or "" for n in MODEL.graph if n.op_type == kind)
    for kind in ("AveragePool", "Concat", "Sigmoid")
)


def plan() -> Plan:
    return build_plan(MODEL, observe(MODEL, photos(2)))


def with_activation(name: str, scale: float, zero_point: int = 0) -> Callable[[Plan], Plan]:
    params = QuantParams(np.asarray(scale, np.float32), np.asarray(zero_point, np.int32))
    return lambda p: dataclasses.replace(p, activations={**p.activations, name: params})


def with_constant(
    name: str, change: Callable[[QuantizedConstant], QuantizedConstant]
) -> Callable[[Plan], Plan]:
    return lambda p: dataclasses.replace(
        p, constants={**p.constants, name: change(p.constants[name])}
    )


def rescaled(constant: QuantizedConstant, factor: float) -> QuantizedConstant:
    scale = (constant.params.scale * np.float32(factor)).astype(np.float32)
    return QuantizedConstant(dataclasses.replace(constant.params, scale=scale), constant.values)


def without(name: str) -> Callable[[Plan], Plan]:
    return lambda p: dataclasses.replace(
        p, activations={n: q for n, q in p.activations.items() if n != name}
    )


def lowest(constant: QuantizedConstant) -> QuantizedConstant:
    values = constant.values.copy()
    values.reshape(-1)[0] = -128
    return QuantizedConstant(constant.params, values)


def per_tensor(constant: QuantizedConstant) -> QuantizedConstant:
    params = QuantParams(constant.params.scale[:1].reshape(()), np.zeros((), np.int32))
    return QuantizedConstant(params, constant.values)


def test_a_built_plan_passes() -> None:
    check_plan(MODEL, plan())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without("left"), "no parameters for tensor left"),
        (with_activation("left", 0.0), "tensor left has scale 0.0"),
        (with_activation("left", np.inf), "tensor left has scale inf"),
        (with_activation("left", 1.0, 200), "zero point 200"),
        (with_activation(POOLED, 0.5), f"AveragePool .* one scale across {JOINED} and {POOLED}"),
        (with_activation("right", 0.5), f"Concat .* one scale across right and {JOINED}"),
        (with_activation(LOGITS, 1 / 128, -128), f"Sigmoid output {LOGITS} must have scale"),
        (with_activation("input", 1e-9), "bias left.bias: its scale|layer left"),
        (with_constant("left.weight", lowest), "weight left.weight holds -128"),
        (with_constant("left.weight", per_tensor), "a scale for each output channel"),
        (with_constant("left.bias", lambda c: rescaled(c, 1.01)), "bias left.bias: its scale"),
        (with_constant("left.weight", lambda c: rescaled(c, 1e9)), "kernels take 2\\^-32 to 256"),
    ],
)
def test_a_broken_plan_is_refused(broken: Callable[[Plan], Plan], message: str) -> None:
    with pytest.raises(PlanRefused, match=message):
        check_plan(MODEL, broken(plan()))
