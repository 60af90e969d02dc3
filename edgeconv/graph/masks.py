"""Tensors that hold infinity, or a number that stands for it: scores under a mask.

    scores ──┐
    mask ── Where ── Softmax      where the mask is set, -inf or -1e9 takes the score's place

On a grid that holds -1e9 all scores are one. So no int8 tensor holds such values: what gives them
and what reads them computes in float.
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import written_outputs
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, constant_of

#: Numbers from here on stand for infinity; nets in half precision take -1e4.
FAR_OUT = 9e3


def masked_values(model: ir.Model) -> frozenset[ir.Value]:
    """The values that a mask has been laid on, up to what makes ordinary numbers of them again."""
    found: set[ir.Value] = set()
    for node in model.graph:
        if not _keeps_masks(node):
            continue
        if _lays_mask(node) or any(value in found for _, value in activation_inputs(node)):
            found.update(value for value in written_outputs(node) if not _feeds_layer(value))
    return frozenset(found)


def _keeps_masks(node: ir.Node) -> bool:
    """Whether what is far out is far out behind a node, too."""
    operator = operator_of(node)
    is_sum = operator.kind == "arithmetic" and operator.broadcasts
    return is_sum or operator.values in ("copied", "chosen")


def _lays_mask(node: ir.Node) -> bool:
    operator = operator_of(node)
    arrays = [constant_of(v) for i, v in enumerate(node.inputs) if not operator.is_setting(i)]
    return operator.operands and any(
        array is not None and array.dtype.kind == "f" and bool((abs(array) >= FAR_OUT).any())
        for array in arrays
    )


def _feeds_layer(value: ir.Value) -> bool:
    """Whether a layer multiplies it by weights: ordinary numbers, however large."""
    return any(operator_of(use.node).weights is not None for use in value.uses())
