"""Whether the scales and zero points in a file fit each other, the plan, and the other file.

Rule 1. A bias's own scale is input scale x weight scale: kernels use that product, so where they
        differ the input's scale or the weight's was changed after the bias was made.
Rule 2. An operator that only moves integers has one scale across input and output.
Rule 3. Sigmoid, softmax and tanh have the output scale the TFLite specification prescribes.
Rule 4. Where the bundle's manifest holds the plan, the file has the plan's parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import name_of
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams
from edgeconv.quantize.plan.shared import tied_tensors
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.verify.diagnose.diagnosis import Finding
from edgeconv.verify.thresholds import DIAGNOSIS

_REMEDY = "export the net again; the file was changed or damaged after it was planned"


def check(
    model: ir.Model, plan: Plan, artifact: str, recorded: Mapping[str, Any]
) -> Iterator[Finding]:
    """Every contradiction within a file's parameters.

    Args:
        model: the hub graph.
        plan: read from the file.
        artifact: its short name.
        recorded: the `tensors` of the bundle's quantization.json; empty where there is none.
    """
    yield from _against_plan(plan, artifact, recorded)
    for node in model.graph:
        if is_absorbed(node) or node.name in plan.islands:
            continue
        yield from _ties(node, plan, artifact)
        yield from _prescription(node, plan, artifact)
        yield from _bias(node, plan, artifact)


def _against_plan(plan: Plan, artifact: str, recorded: Mapping[str, Any]) -> Iterator[Finding]:
    """Rule 4."""
    for name, wanted in recorded.get("activations", {}).items():
        held = plan.activations.get(name)
        if held is None:
            continue
        scale, zero_point = float(held.scale), int(held.zero_point)
        if not _close(scale, wanted["scale"]) or zero_point != wanted["zero_point"]:
            yield Finding(
                name,
                artifact,
                "parameters",
                f"scale {scale:.6g}, zero point {zero_point}; the manifest's plan says "
                f"{wanted['scale']:.6g} and {wanted['zero_point']}",
                _REMEDY,
            )


def _ties(node: ir.Node, plan: Plan, artifact: str) -> Iterator[Finding]:
    """Rule 2."""
    for source, output in tied_tensors(node):
        held, written = plan.activations.get(source), plan.activations.get(output)
        if held is None or written is None or Edge(node.name or "", 0) in plan.requantize:
            continue
        if held.key != written.key:
            yield Finding(
                output,
                artifact,
                "parameters",
                f"{node.op_type} moves integers from scale {float(held.scale):.6g} ({source}) to "
                f"{float(written.scale):.6g} without rescaling them",
                _REMEDY,
            )


def _prescription(node: ir.Node, plan: Plan, artifact: str) -> Iterator[Finding]:
    """Rule 3."""
    wanted, held = operator_of(node).prescribed, _output(node, plan)
    if wanted is None or held is None or node.name in plan.islands:
        return
    if not _close(float(held.scale), wanted.scale) or int(held.zero_point) != wanted.zero_point:
        yield Finding(
            name_of(written_output(node)),
            artifact,
            "parameters",
            f"{node.op_type} has output scale {float(held.scale):.6g}, zero point "
            f"{int(held.zero_point)}; kernels assume {wanted.scale:.6g} and {wanted.zero_point}",
            _REMEDY,
        )


def _bias(node: ir.Node, plan: Plan, artifact: str) -> Iterator[Finding]:
    """Rule 1: all channels off by one factor point to the input, single ones to the weight."""
    layer = layer_of(node)
    if layer is None or layer.bias is None or node.inputs[0] is None:
        return
    weight = plan.constants.get(name_of(layer.weight))
    bias = plan.constants.get(name_of(layer.bias))
    source = plan.activations.get(name_of(node.inputs[0]))
    if weight is None or bias is None or source is None:
        return
    product = float(source.scale) * weight.params.scale.astype(np.float64)
    ratio = product / bias.params.scale.astype(np.float64)
    off = np.flatnonzero(np.abs(ratio - 1) > DIAGNOSIS.same_scale)
    if not off.size:
        return
    common = len(off) == len(ratio) and np.ptp(ratio) <= DIAGNOSIS.same_scale * ratio.max()
    which = "every channel" if common else f"channel {', '.join(map(str, off[:6]))}"
    tensor = name_of(node.inputs[0]) if common else name_of(written_output(node))
    yield Finding(
        tensor,
        artifact,
        "parameters",
        f"input scale x weight scale of {name_of(layer.weight)} is {ratio[off[0]]:.4g} times the "
        f"scale its bias was made for, in {which}",
        _REMEDY,
    )


def differences(one: Plan, other: Plan) -> Iterator[tuple[str, str]]:
    """(tensor or constant, what differs) between the two int8 files of a bundle."""
    for name, params in one.activations.items():
        theirs = other.activations.get(name)
        if theirs is not None and theirs.key != params.key:
            yield (
                name,
                f"scale {float(params.scale):.6g}, zero point {int(params.zero_point)} against "
                f"{float(theirs.scale):.6g}, {int(theirs.zero_point)}",
            )
    for name, constant in one.constants.items():
        theirs_constant = other.constants.get(name)
        if theirs_constant is None:
            continue
        if not np.array_equal(constant.params.scale, theirs_constant.params.scale):
            yield name, "another scale"
        elif not np.array_equal(constant.values, theirs_constant.values):
            share = float((constant.values != theirs_constant.values).mean())
            yield name, f"other integers ({share:.2%} of them)"


def _output(node: ir.Node, plan: Plan) -> QuantParams | None:
    return plan.activations.get(name_of(written_output(node)))


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= DIAGNOSIS.same_scale * max(abs(one), abs(other))
