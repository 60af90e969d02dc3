"""What TFLite requires of a plan beyond the rules that every runtime has (`quantize.rules`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from edgeconv.errors import PlanRefused
from edgeconv.graph.fusion import is_absorbed, written_outputs
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, constant_of, name_of
from edgeconv.quantize.plan import rules
from edgeconv.quantize.plan.in_float import is_float_only
from edgeconv.quantize.plan.parameters import Plan

_LONGEST_REPORT = 8


def with_float_islands(model: ir.Model, plan: Plan) -> Plan:
    """The plan with every node that has no int8 kernel as an island."""
    found = {node.name or "" for node in model.graph if is_float_only(node)}
    return dataclasses.replace(plan, islands=plan.islands | found)


def check_plan(model: ir.Model, plan: Plan) -> None:
    """Passes a plan that TFLite's kernels execute as it says.

    Raises:
        PlanRefused: names the tensors and nodes at which it would not.
    """
    rules.check_plan(model, plan)
    problems = [*_unknown_names(model, plan)]
    for node in model.graph:
        if not is_absorbed(node) and node.name not in plan.islands:
            problems += [*_missing_activations(node, plan), *_constant_problems(node, plan)]
    if problems:
        more = len(problems) - _LONGEST_REPORT
        shown = problems[:_LONGEST_REPORT] + ([f"{more} more"] if more > 0 else [])
        raise PlanRefused("the plan cannot run on TFLite: " + "; ".join(shown))


def _unknown_names(model: ir.Model, plan: Plan) -> Iterator[str]:
    """Islands and edges of nodes the graph does not have: ignoring them would hide a mistake."""
    names = {node.name for node in model.graph}
    for island in sorted(plan.islands - names):
        yield f"the island {island} is no node of the graph"
    for edge in plan.requantize:
        if edge.consumer not in names:
            yield f"{edge.consumer}, whose input is to be requantized, is no node of the graph"


def _missing_activations(node: ir.Node, plan: Plan) -> Iterator[str]:
    for value in (*(value for _, value in activation_inputs(node)), *written_outputs(node)):
        if value.name and value.name not in plan.activations:
            yield f"{value.name} has no parameters and {node.op_type} {node.name} is no island"


def _constant_problems(node: ir.Node, plan: Plan) -> Iterator[str]:
    operator = operator_of(node)
    if operator.weights is None and not operator.operands:
        return
    for value in node.inputs:
        array = constant_of(value)
        if value is None or array is None:
            continue
        constant = plan.constants.get(name_of(value))
        if constant is None:
            yield f"{value.name} has no integers"
        elif constant.values.shape != array.shape:
            yield f"{value.name} has shape {constant.values.shape}, the graph says {array.shape}"
        elif constant.values.dtype != np.dtype(constant.params.dtype):
            yield (
                f"{value.name} holds {constant.values.dtype}, "
                f"its parameters say {constant.params.dtype}"
            )
