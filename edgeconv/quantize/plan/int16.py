"""16-bit activations with 8-bit weights, from what an int8 plan was made of.

Activations: int16 symmetric per tensor (zero point 0), over twice the largest magnitude seen: one
of sixteen bits is spent so that photos unlike the calibrated ones are not clipped. Weights: the
int8 plan's own integers. Biases: int64 on input scale x weight scale (TFLite's 16x8 scheme).
"""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import array_of, name_of
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.plan.affine import NARROWEST, dequantize, symmetric
from edgeconv.quantize.plan.parameters import Plan, QuantizedConstant
from edgeconv.quantize.plan.ranges import choose
from edgeconv.quantize.plan.shared import share
from edgeconv.quantize.plan.weights import layer_of

INT16_MAX = 32767
#: How much larger than anything seen a value may be.
HEADROOM = 2.0


def int16_plan(model: ir.Model, observations: Observations, plan: Plan) -> Plan:
    """The 16-bit plan beside an int8 plan of the same graph.

    Returns:
        Parameters of every activation, and the int8 plan's integers of every layer's weight.
    """
    ranges = choose(observations, "minmax")
    shared = share(model, ranges).ranges
    activations = {}
    writers = {name_of(value): node for node in model.graph for value in node.outputs if value.name}
    for name, (low, high) in shared.items():
        prescribed = operator_of(writers[name]).prescribed if name in writers else None
        scale = max(-low, high, NARROWEST) * HEADROOM / INT16_MAX
        if prescribed is not None and prescribed.int16_scale is not None:
            scale = prescribed.int16_scale
        activations[name] = symmetric(scale, "int16")
    weights = {
        name: plan.constants[name]
        for node in model.graph
        if (layer := layer_of(node)) is not None
        and (name := name_of(layer.weight)) in plan.constants
    }
    return Plan(activations, weights)


def with_planned_weights(model: ir.Model, plan: Plan) -> ir.Model:
    """A copy of a graph whose layers compute with the reals that a plan's integers stand for."""
    copy = model.clone()
    for node in copy.graph:
        layer = layer_of(node)
        if layer is None:
            continue
        for value in (layer.weight, layer.bias):
            if value is not None and name_of(value) in plan.constants:
                found: QuantizedConstant = plan.constants[name_of(value)]
                array = dequantize(found.values, found.params)
                shaped = array.reshape(array_of(value).shape)
                value.const_value = ir.tensor(shaped, name=name_of(value))
    return copy
