"""What TFLite requires of a plan beyond the rules that every runtime has (`quantize.rules`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import onnx_ir as ir

from edgeconv.errors import PlanRefused
from edgeconv.graph.fusion import is_absorbed, written_outputs
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, constant_of, is_real
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
    problems = [
        problem
        for node in model.graph
        if not is_absorbed(node) and node.name not in plan.islands
        for problem in (*_missing_activations(node, plan), *_missing_integers(node, plan))
    ]
    if problems:
        more = len(problems) - _LONGEST_REPORT
        shown = problems[:_LONGEST_REPORT] + ([f"{more} more"] if more > 0 else [])
        raise PlanRefused("the plan cannot run on TFLite: " + "; ".join(shown))


def _missing_activations(node: ir.Node, plan: Plan) -> Iterator[str]:
    for value in (*(value for _, value in activation_inputs(node)), *written_outputs(node)):
        if value.name and is_real(value) and value.name not in plan.activations:
            yield f"{value.name} has no parameters and {node.op_type} {node.name} is no island"


def _missing_integers(node: ir.Node, plan: Plan) -> Iterator[str]:
    operator = operator_of(node)
    if operator.weights is not None or operator.operands:
        for value in node.inputs:
            held = constant_of(value)
            is_number = held is not None and held.dtype.kind == "f"
            if value is not None and is_number and value.name not in plan.constants:
                yield f"{value.name} has no integers"
