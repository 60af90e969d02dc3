"""Gates, which give 0 to 1, and what they read where that is not what they gate."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, input_of, shape_of


def is_gate(value: ir.Value) -> bool:
    """Whether a value is a sigmoid's: of squeeze-and-excitation, or of a swish."""
    node = value.producer()
    if node is None:
        return False
    operator = operator_of(node)
    return operator.kind == "activation" and operator.bounds == (0.0, 1.0)


def argument_factors(node: ir.Node) -> NDArray[Any] | None:
    """By what each channel is multiplied where a node gives gates, and nothing else, their
    argument: (channels,), or (1,) for all of them; None of any other node.
    """
    if node.op_type != "Mul" or node.outputs[0].is_graph_output():
        return None
    factors, source = constant_of(node.inputs[1]), shape_of(input_of(node))
    by_channel = tuple(n if i == 1 else 1 for i, n in enumerate(source))
    if factors is None or factors.shape not in (by_channel, (1,) * len(source)):
        return None
    readers = [use.node for use in node.outputs[0].uses()]
    gives_gates = readers and all(is_gate(reader.outputs[0]) for reader in readers)
    return factors.reshape(-1) if gives_gates else None
