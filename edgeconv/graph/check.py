"""Checks that a graph is what a hub graph promises to be, as far as a net can break it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir

from edgeconv.errors import NetRefused
from edgeconv.graph.view import constant_of, name_of, shape_of, title_of

_RANDOM = "gives another result at every run; take the randomness out of inference"
_CONTROL = "is control flow; a static graph has none"
_WHY: Mapping[str, str] = {
    **dict.fromkeys(("RandomNormal", "RandomNormalLike", "RandomUniform"), _RANDOM),
    **dict.fromkeys(("RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"), _RANDOM),
    **dict.fromkeys(("If", "Loop", "Scan"), _CONTROL),
}

_INPUT = (ir.DataType.FLOAT,)
_OUTPUTS = (ir.DataType.FLOAT, ir.DataType.INT32, ir.DataType.INT64, ir.DataType.BOOL)


def require_static_shapes(model: ir.Model) -> None:
    """Raises NetRefused where the shape of a tensor depends on the input's values."""
    for node in model.graph:
        for value in node.outputs:
            if value.name:
                _require_static(node, value)


def require_hub_graph(model: ir.Model) -> None:
    """Raises NetRefused, naming node or tensor, where the graph is not static and deterministic."""
    graph = model.graph
    for node in graph:
        if node.op_type in _WHY:
            raise NetRefused(f"{node.op_type} {title_of(node)} {_WHY[node.op_type]}")
    require_static_shapes(model)
    for node in graph:
        for value in (value for value in node.outputs if value.name and 0 in shape_of(value)):
            raise NetRefused(
                f"{value.name}, which {node.op_type} {title_of(node)} gives, has the shape "
                f"{list(shape_of(value))} and holds no value; leave it out of the net"
            )
    _require_ends(graph)
    for name, value in graph.initializers.items():
        array = constant_of(value)
        if array is not None and array.dtype.kind == "f" and np.isnan(array).any():
            raise NetRefused(f"{name} holds NaN")


def require_inputs(model: ir.Model, names: Iterable[str]) -> None:
    """Raises NetRefused where a net has an input that no output depends on, so that it is gone."""
    used = {name_of(value) for value in model.graph.inputs if tuple(value.uses())}
    for name in names:
        if name not in used:
            raise NetRefused(f"the net's output does not depend on its input {name}; take it out")


def _require_static(node: ir.Node, value: ir.Value) -> None:
    if value.shape is None or not value.shape.is_static():
        raise NetRefused(
            f"the shape of {value.name}, which {node.op_type} {title_of(node)} gives, depends on "
            f"the values of the input ({value.shape}); every shape must be known beforehand"
        )


def _require_ends(graph: ir.Graph) -> None:
    if not any(tuple(value.uses()) for value in graph.inputs):
        raise NetRefused("the net's output does not depend on its input")
    inputs = set(graph.inputs)
    for value in (*graph.inputs, *graph.outputs):
        allowed = _INPUT if value in inputs else _OUTPUTS
        if value.dtype not in allowed:
            raise NetRefused(
                f"{name_of(value)} {list(shape_of(value))} is {value.dtype}; it must be "
                f"{', '.join(map(str, allowed))}"
            )
    for value in graph.outputs:
        producer = value.producer()
        if producer is None or producer.op_type == "Constant":
            raise NetRefused(f"{name_of(value)} does not depend on the net's input")
