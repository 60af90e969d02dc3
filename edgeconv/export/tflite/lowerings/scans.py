"""Sums of all values up to each one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder, Lowering
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import integer, require_constant


def cumulative_sum(node: ir.Node, b: Builder) -> None:
    """CumSum along a constant axis -> CUMSUM, LiteRT's own kernel; float only."""
    layout = Layout(b.layout(node).order)
    axis = int(require_constant(node, 1).item()) % len(layout.order)
    where = b.ints(f"{node.name}/axis", np.array(layout.file_axis(axis)))
    options = schema.CumsumOptionsT(
        exclusive=bool(integer(node, "exclusive", 0)), reverse=bool(integer(node, "reverse", 0))
    )
    b.write(node, "CUMSUM", [b.read(node, 0, layout), where], layout, options)


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({"CumSum": cumulative_sum})
