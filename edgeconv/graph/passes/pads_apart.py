"""Keeps a Pad that pools read from being taken for the pools' own padding.

onnxruntime folds a Pad by zero into the pool behind it. A max-pool then ignores what it should
compare with zero, and padding as long as the kernel, or rounding up, gives another size or a file
that does not load. Here such a Pad gets the smallest normal number for its value instead: zero to
every digit that an output has, and no zero to an optimizer.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import add_constant
from edgeconv.graph.passes.pads import fits, padding_of
from edgeconv.graph.signs import is_nonnegative
from edgeconv.graph.view import input_of, name_of

#: float32's smallest normal number, 1.2e-38.
SMALLEST = float(np.finfo(np.float32).tiny)


def set_pads_apart(model: ir.Model) -> None:
    """Gives each Pad by zero that a pool reads the smallest value, unless folding it is right.

    It is right before a max-pool of values that are never negative, where padding fits the pool;
    what an average pool can take, `fold_pads` has folded already.
    """
    for node in model.graph:
        padding = padding_of(node)
        if padding is None or padding[0] != 0.0:
            continue
        readers = [use.node for use in node.outputs[0].uses()]
        if not any(_would_misread(reader, node, padding[1]) for reader in readers):
            continue
        value = add_constant(
            model, f"{name_of(node.outputs[0])}::value", np.array(SMALLEST, np.float32)
        )
        node.resize_inputs(3)
        node.replace_input_with(2, value)


def _would_misread(reader: ir.Node, pad: ir.Node, pads: tuple[int, ...]) -> bool:
    operator = operator_of(reader)
    if operator.kind != "pool" or operator.window is None:
        return False
    never_wins = reader.op_type == "MaxPool" and is_nonnegative(input_of(pad))
    return not (never_wins and fits(reader, pads))
