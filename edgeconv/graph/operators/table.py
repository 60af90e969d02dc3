"""Finds what an operator is by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from edgeconv.graph.operators import (
    activations,
    arithmetic,
    functions,
    layers,
    logic,
    normalizations,
    pools,
    recurrent,
    reductions,
    scans,
    selections,
    shapes,
    slices,
    spatial,
)
from edgeconv.graph.operators.operator import UNBOUNDED, Engines, Operator

if TYPE_CHECKING:  # the table is read where onnx_ir is not installed
    import onnx_ir as ir

_FAMILIES = (
    *(layers, pools, reductions, scans, arithmetic, functions, activations),
    *(normalizations, recurrent, shapes, slices, spatial),
    *(logic, selections),
)

#: What files call the domain of ONNX's own operators.
STANDARD_DOMAINS = ("", "ai.onnx")

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {row.name: row for family in _FAMILIES for row in family.ROWS}
)
"""Every operator that is known, by ONNX's name."""

_UNKNOWN = Operator(
    name="",
    kind="unknown",
    weights=None,
    slots=(),
    operands=False,
    window=None,
    broadcasts=False,
    absorbs=False,
    scales="free",
    prescribed=None,
    planned="int8",
    singular=(),
    bounds=UNBOUNDED,
    sign="any",
    values="computed",
    channels="mixed",
    homogeneous=False,
    answers=False,
    engines=Engines("depends", "none", "none"),
    int16=False,
    refusal="it is no operator that is known here",
)


def operator_named(name: str) -> Operator:
    """What an operator of ONNX is.

    Of one that the table has not, a row of kind "unknown" that claims nothing: files of other
    tools, and nets that are exported to ONNX alone, have such operators.
    """
    return OPERATORS.get(name) or replace(_UNKNOWN, name=name)


def operator_of(node: ir.Node) -> Operator:
    """What a node's operator is; one of another domain than ONNX's is unknown."""
    if node.domain in STANDARD_DOMAINS:
        return operator_named(node.op_type)
    return replace(_UNKNOWN, name=node.op_type)
