"""Activations, and what makes probabilities of logits."""

from __future__ import annotations

import math
from dataclasses import replace

from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator, Prescribed

_HARD_SWISH = Operator(
    name="HardSwish",
    kind="activation",
    weights=None,
    slots=("",),
    operands=False,
    window=None,
    broadcasts=False,
    absorbs=False,
    scales="free",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=(-0.375, math.inf),
    sign="any",
    values="computed",
    channels="alike",
    homogeneous=False,
    answers=False,
    engines=Engines("float", "table", "float"),
    int16=False,
    refusal=None,
)
_SOFTMAX = replace(
    _HARD_SWISH,
    name="Softmax",
    kind="softmax",
    prescribed=Prescribed(1 / 256, -128, None),
    planned="depends",
    bounds=(0.0, 1.0),
    sign="nonnegative",
    channels="mixed",
    answers=True,
    engines=Engines("kernel", "none", "kernel"),
)

# With an alpha of its own an ELU is composed, in float.
_ELU = replace(
    _HARD_SWISH,
    name="Elu",
    planned="depends",
    bounds=UNBOUNDED,
    engines=Engines("float", "depends", "depends"),
)
_BENT = replace(_ELU, planned="float", engines=Engines("float", "float", "float"))

ROWS = (
    replace(
        _HARD_SWISH,
        name="Relu",
        scales="tied",
        bounds=(0.0, math.inf),
        sign="nonnegative",
        homogeneous=True,
        answers=True,
        engines=Engines("depends", "depends", "depends"),
    ),
    replace(
        _HARD_SWISH,
        name="LeakyRelu",
        bounds=UNBOUNDED,
        homogeneous=True,
        engines=Engines("kernel", "kernel", "kernel"),
    ),
    replace(
        _HARD_SWISH,
        name="PRelu",
        slots=("", ".weight"),
        operands=True,
        bounds=UNBOUNDED,
        channels="apart",
        homogeneous=True,
        engines=Engines("float", "float", "float"),
    ),
    _ELU,
    replace(_BENT, name="Celu"),
    replace(_BENT, name="Selu"),
    _HARD_SWISH,
    replace(_HARD_SWISH, name="Gelu", bounds=(-0.171, math.inf)),
    replace(
        _HARD_SWISH,
        name="Softplus",
        planned="float",
        bounds=UNBOUNDED,
        sign="nonnegative",
        engines=Engines("float", "float", "float"),
    ),
    replace(
        _HARD_SWISH,
        name="Sigmoid",
        prescribed=Prescribed(1 / 256, -128, 1 / 32768, saturated=math.log(511)),
        bounds=(0.0, 1.0),
        sign="nonnegative",
        engines=Engines("kernel", "kernel", "kernel"),
        int16=True,
    ),
    replace(
        _HARD_SWISH,
        name="HardSigmoid",
        bounds=(0.0, 1.0),
        sign="nonnegative",
        engines=Engines("float", "kernel", "kernel"),
    ),
    replace(
        _HARD_SWISH,
        name="Tanh",
        prescribed=Prescribed(1 / 128, 0, 1 / 32768, saturated=math.atanh(255 / 256)),
        bounds=(-1.0, 1.0),
        engines=Engines("float", "kernel", "kernel"),
        int16=True,
    ),
    _SOFTMAX,
    replace(
        _SOFTMAX,
        name="LogSoftmax",
        prescribed=None,
        planned="float",
        bounds=(-math.inf, 0.0),
        sign="any",
        engines=Engines("float", "float", "float"),
    ),
)
