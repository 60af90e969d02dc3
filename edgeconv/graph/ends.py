"""The reals that a net's answers are made of, where it gives places or truth values."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.view import activation_inputs, is_real


def real_ends(model: ir.Model) -> list[ir.Value]:
    """Every output that holds reals, and for each other one the nearest reals before it.

    Of an arg max these are the logits: how far those are off says how often another is largest.
    """
    found: dict[ir.Value, None] = {}
    waiting = list(reversed(model.graph.outputs))
    seen: set[ir.Value] = set()
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        if is_real(value):
            found[value] = None
            continue
        node = value.producer()
        before = [] if node is None else [source for _, source in activation_inputs(node)]
        waiting += reversed(before)
    return list(found)
