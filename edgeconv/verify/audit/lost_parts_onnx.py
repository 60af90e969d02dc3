"""What `lost_parts` asks of a file, read from an ONNX graph in QDQ form."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.files.onnx.nodes import kind_of
from edgeconv.graph.operators.table import operator_named
from edgeconv.graph.view import constant_of, name_of
from edgeconv.verify.audit.findings import AuditFinding
from edgeconv.verify.audit.lost_parts import (
    Grid,
    Writer,
    bounded,
    grid,
    layer_interval,
    part_findings,
    role_of,
    row_sums,
)
from edgeconv.verify.audit.weights import Weight, weights_of


def findings(graph: ir.Graph) -> Iterator[AuditFinding]:
    """Lost parts of an ONNX file in QDQ form."""
    grids: dict[Hashable, Grid] = {
        node.outputs[0]: found
        for node in graph
        if node.op_type == "DequantizeLinear" and (found := _grid_behind(node)) is not None
    }
    weights = {id(weight.node): weight for weight in weights_of(graph)}
    of_maps = all(v.shape is not None and len(v.shape) > 2 for v in graph.outputs)
    writers: dict[Hashable, Writer] = {}
    for node in graph:
        for value in node.outputs:
            if value.name:
                writers[value] = _writer(node, value, weights.get(id(node)), grids, of_maps)
    yield from part_findings(writers, grids, list(graph.outputs))


def _writer(
    node: ir.Node,
    value: ir.Value,
    weight: Weight | None,
    grids: dict[Hashable, Grid],
    of_maps: bool,
) -> Writer:
    row = operator_named(node.op_type)
    role = role_of(kind_of(node), row.scales, row.bounds, is_layer=weight is not None)
    reads = tuple(v for v in node.inputs if v is not None and v.const_value is None)
    interval = bounded(row.bounds)
    source = None if node.inputs[:1] == () else grids.get(node.inputs[0])
    if weight is not None and source is not None and weight.values.ndim > 1:
        sums = row_sums(weight.values, weight.scale, weight.zero_point)
        interval = layer_interval(sums, _bias(node), source)
    return Writer(
        role,
        name_of(value),
        reads[:1] if role == "move" else reads,
        interval,
        is_map=of_maps and weight is not None and weight.values.ndim > 2,
    )


def _grid_behind(node: ir.Node) -> Grid | None:
    """The grid of what a DequantizeLinear reads; None of weights, and where it is not known."""
    scale = constant_of(node.inputs[1])
    zero = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if scale is None or scale.size != 1 or constant_of(node.inputs[0]) is not None:
        return None
    dtype = np.dtype(np.uint8) if zero is None else zero.dtype
    if dtype.kind not in "iu" or dtype.itemsize != 1:
        return None
    return grid(dtype, float(scale.reshape(-1)[0]), 0 if zero is None else int(zero.reshape(-1)[0]))


def _bias(node: ir.Node) -> NDArray[np.float64] | None:
    value = node.inputs[2] if len(node.inputs) > 2 else None
    if value is None:
        return None
    stored = constant_of(value)
    if stored is not None:
        return stored.astype(np.float64)
    maker = value.producer()
    if maker is None or maker.op_type != "DequantizeLinear":
        return None
    integers, scale = constant_of(maker.inputs[0]), constant_of(maker.inputs[1])
    if integers is None or scale is None:
        return None
    return integers.astype(np.float64) * scale.astype(np.float64)
