"""Clamps that quantization alone makes: left out, so that every runtime sees a bare convolution."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.fusion import clip_bounds, fused_activation
from edgeconv.graph.view import name_of
from edgeconv.quantize.plan.affine import clamps_alike
from edgeconv.quantize.plan.parameters import Plan


def without_implied_clamps(model: ir.Model, plan: Plan) -> ir.Model:
    """A copy without the fused Relus and Clips whose quantization clamps to the same integers."""
    copy = model.clone()
    for node in tuple(copy.graph):
        fused = fused_activation(node)
        if fused is None or node.name in plan.islands:
            continue
        params = plan.activations.get(name_of(fused.node.outputs[0]))
        bounds = clip_bounds(fused.node)
        if params is None or bounds is None:
            continue
        if clamps_alike(float(params.scale), int(params.zero_point), params.dtype, bounds):
            _take_out(copy, fused.node, node.outputs[0])
    return copy


def _take_out(model: ir.Model, clamp: ir.Node, bare: ir.Value) -> None:
    """Gives a clamp's name and readers to what it reads."""
    clamped = clamp.outputs[0]
    name = name_of(clamped)
    clamped.name = f"{name}::clamped"
    bare.name = name
    ir.convenience.replace_all_uses_with(clamped, bare, replace_graph_outputs=True)
    constants = [value for value in clamp.inputs[1:] if value is not None]
    model.graph.remove(clamp, safe=True)
    for value in constants:
        del model.graph.initializers[name_of(value)]
