"""What can be read off a CONV_2D about its groups."""

from __future__ import annotations

from edgeconv.export.tflite.program import Operator


def groups_of(conv: Operator) -> int:
    """The groups of a CONV_2D: its weight (O, H, W, I) has fewer input channels than its input."""
    x, weight = conv.inputs[:2]
    assert x is not None
    assert weight is not None
    return x.shape[3] // weight.shape[3]


def is_pointwise(operator: Operator) -> bool:
    """Whether it is a CONV_2D of 1 x 1 by constants that takes every pixel."""
    if operator.code != "CONV_2D":
        return False
    _, weight, *bias = operator.inputs
    assert weight is not None
    return (
        weight.data is not None
        and weight.shape[1:3] == (1, 1)
        and (operator.options.strideH, operator.options.strideW) == (1, 1)
        and all(each is None or each.data is not None for each in bias)
    )
