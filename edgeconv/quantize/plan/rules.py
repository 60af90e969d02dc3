"""What both runtimes require of a plan and neither checks.

A file that breaks one of these rules loads, runs and gives wrong values; so both writers call
`check_plan` before they write a byte.

Rule 1. Every tensor a device holds has parameters: int8, per tensor, a positive finite scale.
Rule 2. Operators that only move or average integers have one scale across input and output.
Rule 3. Every edge of a concatenation has the output's parameters, requantized where need be.
Rule 4. What sigmoid, softmax and tanh write on integers has the prescribed parameters.
Rule 5. Weights are int8 in [-127, 127] at zero point 0, per output channel; biases int32 whose
        scale is the float32 product of input and weight scale.
Rule 6. input scale x weight scale / output scale lies between 2^-32 and 256 (XNNPACK's limits).
Rule 7. What an operator on integers reads has parameters, whoever wrote it.
Rule 8. What the plan names is there: tensors that a device stores, initializers of their integers'
        shape, nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import PlanRefused
from edgeconv.graph.fusion import is_absorbed
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import input_of, name_of, real_inputs, shape_of
from edgeconv.quantize.observe.targets import Target, targets
from edgeconv.quantize.plan.affine import WEIGHT_MAX
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams
from edgeconv.quantize.plan.shared import tied_tensors
from edgeconv.quantize.plan.weights import Layer, layer_of

#: Bounds XNNPACK sets on the factor between an accumulator and the output's integers.
MULTIPLIER_BOUNDS = (2.0**-32, 256.0)


def check_plan(model: ir.Model, plan: Plan) -> None:
    """Passes a plan both runtimes execute as it says.

    Raises:
        PlanRefused: a rule of this module's docstring is broken; names the tensor.
    """
    wanted = targets(model)
    _check_names(model, {target.name for target in wanted}, plan)
    for target in wanted:
        in_float = target.producer is not None and target.producer.name in plan.islands
        if not in_float or target.name in plan.activations:
            _check_activation(target, plan)
    written = {id(t.producer): t.name for t in wanted if t.producer is not None}
    for node in model.graph:
        if node.name in plan.islands:
            continue
        if not is_absorbed(node):
            for index, _ in real_inputs(node):
                seen_by(plan, node, index)
        _check_ties(node, plan)
        layer = layer_of(node)
        if layer is not None:
            _check_layer(layer, plan, written[id(node)])


def _check_names(model: ir.Model, stored: set[str], plan: Plan) -> None:
    """Rule 8."""
    nodes = {node.name or "" for node in model.graph}
    inputs = {f"{i} of {node.name}" for node in model.graph for i, _ in real_inputs(node)}
    requantized = [f"{edge.index} of {edge.consumer}" for edge in plan.requantize]
    named: tuple[tuple[str, Iterable[str], Collection[str]], ...] = (
        ("activations", plan.activations, stored),
        ("constants", plan.constants, model.graph.initializers),
        ("islands", plan.islands, nodes),
        ("requantized inputs", requantized, inputs),
    )
    for kind, names, known in named:
        unknown = sorted(name for name in names if name not in known)
        if unknown:
            raise PlanRefused(
                f"the plan's {kind} name {', '.join(unknown[:3])}: the graph has nothing of that "
                "name, or an operator absorbs it"
            )
    for name, constant in plan.constants.items():
        shape, wanted = constant.values.shape, shape_of(model.graph.initializers[name])
        if shape != wanted or constant.values.dtype != np.dtype(constant.params.dtype):
            raise PlanRefused(
                f"the plan's integers for {name} are {constant.values.dtype} of shape {shape}; "
                f"they should be {constant.params.dtype} of shape {wanted}"
            )


def seen_by(plan: Plan, node: ir.Node, index: int) -> QuantParams:
    """Parameters with which a node sees its computed input `index`, past any requantization.

    Raises:
        PlanRefused: the plan says nothing of the tensor.
    """
    edge, name = Edge(node.name or "", index), name_of(input_of(node, index))
    return plan.requantize[edge] if edge in plan.requantize else _params_of(plan, name)


def _params_of(plan: Plan, name: str) -> QuantParams:
    if name not in plan.activations:
        raise PlanRefused(f"the plan has no parameters for tensor {name}")
    return plan.activations[name]


def _check_activation(target: Target, plan: Plan) -> None:
    """Rules 1 and 4."""
    found = _params_of(plan, target.name)
    if found.dtype != "int8" or found.axis is not None or found.scale.shape != ():
        raise PlanRefused(f"tensor {target.name} must be int8 per tensor, it is {found}")
    scale, zero_point = float(found.scale), int(found.zero_point)
    if not (np.isfinite(scale) and scale > 0) or not -128 <= zero_point <= 127:
        raise PlanRefused(
            f"tensor {target.name} has scale {scale}, zero point {zero_point}; "
            "a scale is positive and finite, a zero point lies in [-128, 127]"
        )
    if target.producer is None or target.producer.name in plan.islands:
        return
    wanted = operator_of(target.producer).prescribed
    if wanted is not None and (scale, zero_point) != (wanted.scale, wanted.zero_point):
        raise PlanRefused(
            f"{target.producer.op_type} output {target.name} must have scale {wanted.scale} and "
            f"zero point {wanted.zero_point}, the plan says {scale} and {zero_point}"
        )


def _check_ties(node: ir.Node, plan: Plan) -> None:
    """Rules 2 and 3."""
    for source, output in tied_tensors(node):
        _same(seen_by(plan, node, 0), _params_of(plan, output), node, source, output)
    if operator_of(node).scales == "joined":
        output = name_of(node.outputs[0])
        for index, value in real_inputs(node):
            _same(
                seen_by(plan, node, index), _params_of(plan, output), node, name_of(value), output
            )


def _same(one: QuantParams, other: QuantParams, node: ir.Node, source: str, output: str) -> None:
    if one.key != other.key:
        raise PlanRefused(
            f"{node.op_type} {node.name} must have one scale across {source} and {output}, the "
            f"plan says {float(one.scale)} and {float(other.scale)} (zero points "
            f"{int(one.zero_point)} and {int(other.zero_point)})"
        )


def _check_layer(layer: Layer, plan: Plan, output: str) -> None:
    """Rules 5 and 6."""
    name = name_of(layer.weight)
    if name not in plan.constants:
        raise PlanRefused(f"the plan has no integers for weight {name}")
    weight = plan.constants[name]
    values, scales = weight.values, weight.params.scale
    if weight.params.dtype != "int8" or np.any(weight.params.zero_point):
        raise PlanRefused(f"weight {name} must be int8 at zero point 0")
    if values.min(initial=0) < -WEIGHT_MAX:
        raise PlanRefused(f"weight {name} holds -128; integers of weights lie in [-127, 127]")
    if weight.params.axis != layer.axis:
        raise PlanRefused(
            f"weight {name} must have a scale for each output channel (axis {layer.axis}), "
            f"it has axis {weight.params.axis}"
        )
    source = seen_by(plan, layer.node, 0).scale
    multiplier = source.astype(np.float64) * scales / float(_params_of(plan, output).scale)
    if multiplier.min() < MULTIPLIER_BOUNDS[0] or multiplier.max() >= MULTIPLIER_BOUNDS[1]:
        raise PlanRefused(
            f"layer {layer.node.name}: input scale x scale of {name} / output scale spans "
            f"{multiplier.min():.3g} to {multiplier.max():.3g}, kernels take 2^-32 to 256"
        )
    if layer.bias is not None:
        _check_bias(name_of(layer.bias), plan, np.float32(source) * scales)


def _check_bias(name: str, plan: Plan, scales: NDArray[np.float32]) -> None:
    if name not in plan.constants:
        raise PlanRefused(f"the plan has no integers for bias {name}")
    bias = plan.constants[name]
    if bias.params.dtype != "int32" or np.any(bias.params.zero_point):
        raise PlanRefused(f"bias {name} must be int32 at zero point 0")
    if not np.array_equal(bias.params.scale, scales):
        raise PlanRefused(f"bias {name}: its scale must be input scale x weight scale exactly")
