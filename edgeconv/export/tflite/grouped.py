"""What can be read off a CONV_2D about its groups."""

from __future__ import annotations

from edgeconv.export.tflite.program import Operator


def groups_of(conv: Operator) -> int:
    """The groups of a CONV_2D: its weight (O, H, W, I) has fewer input channels than its input."""
    return conv.read(0).shape[3] // conv.read(1).shape[3]


def is_pointwise(operator: Operator) -> bool:
    """Whether it is a CONV_2D of 1 x 1 by constants that takes every pixel."""
    if operator.code != "CONV_2D":
        return False
    weight, bias = operator.read(1), operator.inputs[2:]
    return (
        weight.data is not None
        and weight.shape[1:3] == (1, 1)
        and (operator.options.strideH, operator.options.strideW) == (1, 1)
        and all(each is None or each.data is not None for each in bias)
    )
