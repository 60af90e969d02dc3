"""Makes depthwise convolutions of average pools that count their padding.

AveragePool k x k, count_include_pad = 1   ->   depthwise Conv k x k, every weight 1 / k^2

TFLite's average pool leaves padding out, so such a pool is a PAD and a pool there, and the int8
pool runs outside XNNPACK. The convolution is one operator that XNNPACK pads and runs, in int8 with
exact weights and a scale of its own for the output. The int8 ShuffleNet takes 0.85 of the time.
"""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from edgeconv.graph.passes.edit import add_constant, make_node, replace_node
from edgeconv.graph.view import integer, ints, shape_of


def convolve_padded_averages(model: ir.Model) -> None:
    """Rewrites each such pool of an (N, C, H, W) input, unless it rounds its size up."""
    for node in tuple(model.graph):
        source = node.inputs[0] if node.inputs else None
        if source is None or not _counts_padding(node) or len(shape_of(source)) != 4:
            continue
        kernel, channels = ints(node, "kernel_shape", ()), shape_of(source)[1]
        weight = np.full((channels, 1, *kernel), 1 / math.prod(kernel), np.float32)
        conv = make_node(
            "Conv",
            [source, add_constant(model, f"{node.name}::weight", weight)],
            name=node.name or node.op_type,
            shape=shape_of(node.outputs[0]),
            attributes={
                "group": channels,
                "kernel_shape": kernel,
                "pads": ints(node, "pads", ()),
                "strides": ints(node, "strides", (1, 1)),
            },
        )
        replace_node(model, node, conv)


def _counts_padding(node: ir.Node) -> bool:
    return (
        node.op_type == "AveragePool"
        and integer(node, "count_include_pad", 0) == 1
        and any(ints(node, "pads", ()))
        and not integer(node, "ceil_mode", 0)  # whose last windows reach past the padding
        and all(d == 1 for d in ints(node, "dilations", (1, 1)))
    )
