"""Turns statistics into the quantization plan under the rules of both runtimes.

Activations: int8 asymmetric per tensor. Weights: int8 symmetric per output channel. Biases: int32.
Constant operands of Add, Mul and the like: int8 asymmetric per tensor. Operators that only move
integers share one scale (`shared`); sigmoid, softmax and tanh have theirs prescribed by the TFLite
8-bit quantization specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import PlanRefused, RefusedError
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, input_of, name_of
from edgeconv.quantize.observe.observations import Observations
from edgeconv.quantize.observe.targets import Target, targets
from edgeconv.quantize.plan.affine import activation_params, covered, params, quantize
from edgeconv.quantize.plan.apart import keep_apart
from edgeconv.quantize.plan.bias import correct
from edgeconv.quantize.plan.faint import faint_nodes
from edgeconv.quantize.plan.in_float import float_nodes, with_islands
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantizedConstant, QuantParams
from edgeconv.quantize.plan.products import is_product, symmetric_params
from edgeconv.quantize.plan.ranges import RangeMethod, Stretch, choose
from edgeconv.quantize.plan.readings import readings
from edgeconv.quantize.plan.shared import share
from edgeconv.quantize.plan.useful import useful_ranges
from edgeconv.quantize.plan.weights import layer_of, quantize_layer

#: Name of the graph input that holds raw pixels, 0..255.
PIXELS = "pixels"


@dataclass(frozen=True)
class PlanConfig:
    """How a plan is made.

    Attributes:
        ranges: how activation ranges are chosen.
        stretch: tensor -> what the ends of its range are multiplied by after that; 1 where a tensor
            is missing.
        bias_correction: whether the mean error of integer weights is taken out of the biases.
        concat_threshold: how many times coarser a concatenation may make its inputs' steps before
            the edge is requantized instead.
    """

    ranges: RangeMethod = "mse"
    bias_correction: bool = False
    stretch: Mapping[str, Stretch] = field(default_factory=dict)
    concat_threshold: float = 1.25


def build_plan(
    model: ir.Model, observations: Observations, config: PlanConfig | None = None
) -> Plan:
    """The plan of a hub graph: int8 but for what no engine computes in int8, and unlike parts.

    Args:
        model: the graph.
        observations: what calibration saw of it.
        config: how parameters are chosen.

    Raises:
        RefusedError: a constant holds NaN or infinity.
        PlanRefused: the observations are of another graph.
    """
    config = config or PlanConfig()
    wanted = targets(model)
    missing = [t.name for t in wanted if t.name not in observations.tensors]
    if missing:
        raise PlanRefused(
            f"calibration saw nothing of tensor {missing[0]}; observe this very graph first"
        )
    apart = keep_apart(model, observations.tensors)
    islands = float_nodes(model) | apart.nodes | faint_nodes(model, observations.tensors)
    activations, requantize = _activations(
        model, wanted, observations, config, islands, apart.sources
    )
    constants = _constants(model, activations, islands)
    if config.bias_correction:
        constants = correct(model, constants, observations)
    plan = Plan(activations, constants, requantize)
    return with_islands(model, plan, islands, apart.outputs) if islands else plan


def _activations(
    model: ir.Model,
    wanted: list[Target],
    observations: Observations,
    config: PlanConfig,
    islands: frozenset[str],
    whole: frozenset[str],
) -> tuple[dict[str, QuantParams], dict[Edge, QuantParams]]:
    """Parameters of every activation, and of the edges that see one requantized."""
    prescribed = {t.name: found for t in wanted if (found := _prescribed(t, islands)) is not None}
    useful = useful_ranges(wanted, observations.tensors, islands)
    sharing = share(
        model,
        choose(
            *(observations, config.ranges, config.stretch),
            *(useful, whole, readings(model, wanted)),
        ),
        prescribed=prescribed,
        threshold=config.concat_threshold,
        islands=islands,
    )
    activations = {}
    for target in wanted:
        source = sharing.prescribed.get(target.name)
        make = symmetric_params if target.name in sharing.symmetric else activation_params
        activations[target.name] = (
            make(sharing.ranges[target.name]) if source is None else prescribed[source]
        )
    requantize = {edge: _edge_params(model, edge, activations) for edge in sharing.requantize}
    for edge in sharing.made_symmetric:
        source = name_of(input_of(_node(model, edge.consumer), edge.index))
        requantize[edge] = symmetric_params(covered(activations[source]))
    return activations, requantize


def _prescribed(target: Target, islands: frozenset[str]) -> QuantParams | None:
    """The grid that an operator's int8 kernel writes on; none for what computes in float."""
    if target.producer is None:
        return params(1.0, -128) if target.name == PIXELS else None
    found = None if target.producer.name in islands else operator_of(target.producer).prescribed
    return None if found is None else params(found.scale, found.zero_point)


def _edge_params(
    model: ir.Model, edge: Edge, activations: Mapping[str, QuantParams]
) -> QuantParams:
    return activations[name_of(_node(model, edge.consumer).outputs[0])]


def _node(model: ir.Model, name: str) -> ir.Node:
    (found,) = (node for node in model.graph if node.name == name)
    return found


def _constants(
    model: ir.Model,
    activations: Mapping[str, QuantParams],
    islands: frozenset[str],
) -> dict[str, QuantizedConstant]:
    """Integers of every weight, of every bias, and of what is an operand on integers."""
    constants: dict[str, QuantizedConstant] = {}
    written = {id(t.producer): t.name for t in targets(model) if t.producer is not None}
    for node in model.graph:
        layer = layer_of(node)
        if layer is not None:
            source = activations[name_of(layer.source)]
            output = activations[written[id(node)]]
            constants |= quantize_layer(layer, float(source.scale), float(output.scale))
        elif operator_of(node).operands and node.name not in islands:
            for value in node.inputs:
                array = constant_of(value)
                if value is not None and array is not None and array.dtype.kind == "f":
                    constants[name_of(value)] = _operand(node, name_of(value), array)
    return constants


def _operand(node: ir.Node, name: str, array: NDArray[Any]) -> QuantizedConstant:
    """A constant operand, quantized per tensor over exactly its own range; a product's around 0."""
    if not np.isfinite(array).all():
        raise RefusedError(f"tensor {name} holds NaN or infinity; check the weights file")
    span = (min(float(array.min()), 0.0), max(float(array.max()), 0.0))
    chosen = symmetric_params(span) if is_product(node) else activation_params(span)
    return QuantizedConstant(chosen, quantize(array, chosen))
