"""Normalization inside the graph, for apps that feed raw pixels (`--io uint8`).

A depthwise 1 x 1 convolution called `normalize` turns pixels 0..255 into the net's input:

    y[c] = x[c] / (255 * std[c]) - mean[c] / std[c]

In int8 its weights are exact (one weight a channel, each channel with its own scale), so what the
net sees is what an app would have computed by hand, rounded once.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.graph.passes.edit import make_channel_scale
from edgeconv.graph.view import name_of
from edgeconv.quantize.plan.planner import PIXELS

NORMALIZE = "normalize"


def with_pixel_input(model: ir.Model, preprocessing: Preprocessing) -> ir.Model:
    """A copy of a hub graph whose one input is `pixels`, float32 (N, 3, H, W) holding 0..255."""
    copy = model.clone()
    graph = copy.graph
    old = graph.inputs[0]
    pixels = ir.Value(name=PIXELS, shape=old.shape, type=old.type)
    std = np.asarray(preprocessing.std, np.float64)
    mean = np.asarray(preprocessing.mean, np.float64)
    node = make_channel_scale(
        copy, pixels, 1 / (255 * std), -mean / std, name=NORMALIZE, constants=f"{NORMALIZE}."
    )
    output = node.outputs[0]
    output.name, output.shape, output.type = name_of(old), old.shape, old.type
    old.replace_all_uses_with(output)
    graph.inputs[0] = pixels
    graph.insert_before(graph[0], node)
    return copy
