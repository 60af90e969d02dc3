"""Spells out padding that a node leaves to the runtime: `auto_pad`, `output_shape` become `pads`.

Runtimes disagree on it: onnxruntime refuses SAME with a dilation, though ONNX does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import input_of, ints, shape_of, string


def state_automatic_pads(model: ir.Model) -> None:
    """Rewrites every convolution and pool whose `auto_pad` is SAME_UPPER, SAME_LOWER or VALID.

    And every transposed convolution that states the shape it gives; it cuts off more at the
    beginning unless it is SAME_UPPER.
    """
    for node in model.graph:
        automatic = string(node, "auto_pad", "NOTSET")
        is_open = automatic != "NOTSET" or "output_shape" in node.attributes
        if operator_of(node).window is None or not is_open:
            continue
        missing = [max(amount, 0) for amount in _missing(node)]
        if automatic == "VALID":
            missing = [0] * len(missing)
        small = [amount // 2 for amount in missing]
        large = [amount - half for amount, half in zip(missing, small, strict=True)]
        pads = [*small, *large] if automatic == "SAME_UPPER" else [*large, *small]
        node.attributes.pop("auto_pad", None)
        node.attributes.pop("output_shape", None)
        node.attributes["pads"] = ir.AttrInt64s("pads", pads)


def _missing(node: ir.Node) -> list[int]:
    """By axis, the elements windows reach past the image (transposed: past what is given)."""
    size, given = shape_of(input_of(node))[2:], shape_of(node.outputs[0])[2:]
    rank = len(size)
    kernel = _kernel(node)
    strides, dilations = ints(node, "strides", (1,) * rank), ints(node, "dilations", (1,) * rank)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if node.op_type == "ConvTranspose":
        more = ints(node, "output_padding", (0,) * rank)
        whole = [(size[i] - 1) * strides[i] + reach[i] + more[i] for i in range(rank)]
        return [whole[i] - given[i] for i in range(rank)]
    return [(given[i] - 1) * strides[i] + reach[i] - size[i] for i in range(rank)]


def _kernel(node: ir.Node) -> Sequence[int]:
    found = operator_of(node).weights
    weight = None if found is None else node.inputs[found.slot]
    if weight is None:
        return ints(node, "kernel_shape", ())
    return shape_of(weight)[2:]
