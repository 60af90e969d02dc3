"""One form for pooling over the whole image.

ReduceMean over (2, 3)                    -> GlobalAveragePool (+ Flatten without keepdims)
AveragePool over the whole image          -> GlobalAveragePool
GlobalMaxPool                             -> MaxPool over the whole image
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.passes.edit import make_node, replace_node
from edgeconv.graph.view import integer, ints, shape_of


def normalise_pooling(model: ir.Model) -> None:
    """Rewrites each pooling over the whole image of an (N, C, H, W) input."""
    for node in tuple(model.graph):
        source = node.inputs[0] if node.inputs else None
        if source is None or source.shape is None or len(shape_of(source)) != 4:
            continue
        if _is_mean_over_image(node):
            _to_global_average(model, node, source, keep=bool(integer(node, "keepdims", 1)))
        elif _is_average_pool_over_image(node, shape_of(source)):
            _to_global_average(model, node, source, keep=True)
        elif node.op_type == "GlobalMaxPool":
            _to_max_pool(model, node, source)


def _is_mean_over_image(node: ir.Node) -> bool:
    axes = ints(node, "axes", ())
    return node.op_type == "ReduceMean" and sorted(axis % 4 for axis in axes) == [2, 3]


def _is_average_pool_over_image(node: ir.Node, shape: tuple[int, ...]) -> bool:
    return (
        node.op_type == "AveragePool"
        and ints(node, "kernel_shape", ()) == shape[2:]
        and not any(ints(node, "pads", (0, 0, 0, 0)))
        and shape_of(node.outputs[0])[2:] == (1, 1)
    )


def _to_global_average(model: ir.Model, node: ir.Node, source: ir.Value, *, keep: bool) -> None:
    stem = (node.name or "").rpartition("/")[0]
    batch, channels = shape_of(source)[:2]
    pool = make_node(
        "GlobalAveragePool",
        [source],
        name=f"{stem}/GlobalAveragePool",
        shape=(batch, channels, 1, 1),
    )
    nodes = [pool]
    if not keep:
        flat = make_node(
            "Flatten", [pool.outputs[0]], name=f"{stem}/Flatten", shape=(batch, channels)
        )
        nodes.append(flat)
    replace_node(model, node, *nodes)


def _to_max_pool(model: ir.Model, node: ir.Node, source: ir.Value) -> None:
    stem = (node.name or "").rpartition("/")[0]
    batch, channels, height, width = shape_of(source)
    pool = make_node(
        "MaxPool",
        [source],
        name=f"{stem}/MaxPool",
        shape=(batch, channels, 1, 1),
        attributes={"kernel_shape": [height, width], "strides": [1, 1]},
    )
    replace_node(model, node, pool)
