"""What turns the last layers' maps into boxes and scores, where the output is float32 anyway.

    layers ── softmax over bins, weighted sum ── distances to anchors, times stride ──┐
    layers ── sigmoid ────────────────────────────────────────────────────────────────┴─ output

On integers every step of it rounds again, on a grid for all sizes of boxes: at 640 pixels each is
off by some of them. And a sigmoid's int8 grid has steps of 1/256, where detectors' scores begin at
a hundredth. In float the layers' own rounding is all that is lost, and the little arithmetic costs
no more than it did.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, written_outputs
from edgeconv.graph.metrics import node_multiply_adds
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.parts import uncopied
from edgeconv.graph.view import input_of, shape_of
from edgeconv.quantize.plan.weights import layer_of

#: Kinds of operators that decode: none of them gathers over an image.
_DECODES = frozenset(
    {"arithmetic", "activation", "softmax", "reduction"}
    | {"view", "transpose", "identity", "conversion", "move"}
)


def decoding(model: ir.Model, ends: Collection[str]) -> frozenset[str]:
    """Names of the nodes that nothing but these ends of a graph hang on, back to the last layers.

    Args:
        model: a hub graph.
        ends: names of nodes behind which nothing but outputs is computed; they are included.
    """
    found = set(ends)
    for node in reversed([node for node in model.graph if not is_absorbed(node)]):
        values = written_outputs(node)
        readers = {use.node.name for value in values for use in value.uses()}
        is_alone = bool(readers) and readers <= found
        if is_alone and not any(v.is_graph_output() for v in values) and decodes(node):
            found.add(node.name or "")
    return frozenset(found)


def behind(node: ir.Node) -> set[str] | None:
    """Names of a node and of all that hangs on it; None where that is more than decoding."""
    found: set[str] = set()
    pending = [node]
    while pending:
        each = pending.pop()
        if not decodes(each):
            return None
        if each.name not in found:
            found.add(each.name or "")
            pending += [use.node for value in each.outputs for use in value.uses()]
    return found


def decodes(node: ir.Node) -> bool:
    """Whether an operator is none of the layers that int8 is for; a mean over bins is none."""
    if layer_of(node) is None:
        return operator_of(node).kind in _DECODES
    before = uncopied(input_of(node))[0].producer()
    is_mean = before is not None and operator_of(before).kind == "softmax"
    return is_mean and node_multiply_adds(node) <= math.prod(shape_of(input_of(node)))
