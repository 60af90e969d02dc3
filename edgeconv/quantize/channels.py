"""Which tensors of a graph are tied channel by channel, and which layers write and read them.

Channel c of a convolution's output can be multiplied by any k > 0 without changing what the net
computes, as long as every layer that reads it divides its weights for c by the same k, and every
operator on the way commutes with a positive factor: ReLU, pooling, addition of tensors scaled
alike. ReLU6 commutes as long as nothing is clipped. Such tensors form a group.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.view import activation_inputs, ints, name_of, shape_of
from edgeconv.quantize.shared import Groups
from edgeconv.quantize.weights import Layer, layer_of

#: Operators that commute with a positive factor on a channel and keep channels where they are.
HOMOGENEOUS = frozenset(
    {"AveragePool", "Flatten", "GlobalAveragePool", "MaxPool", "ReduceMean", "Relu"}
)


@dataclass
class ChannelGroup:
    """Tensors whose channels share their factors.

    Attributes:
        tensors: hub names, in the order they are computed.
        writers: layers whose output channels are the group's.
        readers: layers whose input channels are the group's.
        ceiling: lowest upper bound an activation clips the group at; infinite where none does.
    """

    tensors: list[str] = field(default_factory=list)
    writers: list[Layer] = field(default_factory=list)
    readers: list[Layer] = field(default_factory=list)
    ceiling: float = math.inf


def channel_groups(model: ir.Model) -> list[ChannelGroup]:
    """Every group that may be rescaled: written by layers and read by layers only."""
    ties = Groups(_activation_names(model))
    pinned = {name_of(v) for v in (*model.graph.inputs, *model.graph.outputs)}
    ceilings: dict[str, float] = {}
    writers: dict[str, list[Layer]] = defaultdict(list)
    readers: dict[str, list[Layer]] = defaultdict(list)
    for node in model.graph:
        output = name_of(node.outputs[0])
        computed = [name_of(value) for _, value in activation_inputs(node)]
        layer = _scalable(node)
        if layer is not None:
            readers[computed[0]].append(layer)
            writers[output].append(layer)
        elif _commutes(node):
            for name in computed:
                ties.union(name, output)
            ceilings[output] = (clip_bounds(node) or (0.0, math.inf))[1]
        else:
            pinned.update(computed, (name_of(v) for v in node.outputs if v.name))
    groups: dict[str, ChannelGroup] = defaultdict(ChannelGroup)
    for name in _activation_names(model):
        group = groups[ties.find(name)]
        group.tensors.append(name)
        group.writers += writers[name]
        group.readers += readers[name]
        group.ceiling = min(group.ceiling, ceilings.get(name, math.inf))
    return [g for g in groups.values() if g.writers and g.readers and not pinned & set(g.tensors)]


def _activation_names(model: ir.Model) -> list[str]:
    """Every computed tensor, also those inside fusions, in the order they are computed."""
    inputs = [name_of(v) for v in model.graph.inputs if v.const_value is None]
    return inputs + [name_of(v) for node in model.graph for v in node.outputs if v.name]


def _scalable(node: ir.Node) -> Layer | None:
    """A layer whose input and output channels can both be rescaled."""
    layer = layer_of(node)
    if layer is None or node.op_type not in ("Conv", "Gemm") or layer.bias is None:
        return None
    return layer if layer.bias.const_value is not None else None


def _commutes(node: ir.Node) -> bool:
    """Whether an operator commutes with a positive factor on each channel."""
    output = shape_of(node.outputs[0])
    inputs = [shape_of(value) for _, value in activation_inputs(node)]
    if not inputs or any(len(s) < 2 or len(output) < 2 or s[1] != output[1] for s in inputs):
        return False
    if node.op_type == "Add":
        return len(inputs) == 2 and all(shape == output for shape in inputs)
    if node.op_type == "ReduceMean":
        return all(axis % len(inputs[0]) >= 2 for axis in ints(node, "axes", (0,)))
    if node.op_type == "Clip":
        bounds = clip_bounds(node)
        return bounds is not None and bounds[0] == 0.0
    return node.op_type in HOMOGENEOUS
