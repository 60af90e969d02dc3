"""Writes a hub graph as an ONNX file: float, int8 in QDQ form under a plan, or between the two.

The same graph, plan and metadata give the same bytes. Only operators of the default ONNX domain are
written, at the hub's opset; int16 needs a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir

from edgeconv.errors import UnsupportedOperator
from edgeconv.export.onnx import int16 as onnx_int16
from edgeconv.export.onnx import stored_weights as onnx_stored_weights
from edgeconv.export.onnx.clamps import without_implied_clamps
from edgeconv.export.onnx.islands import spell_out
from edgeconv.graph.operators.table import STANDARD_DOMAINS
from edgeconv.graph.passes.edit import make_node
from edgeconv.graph.view import name_of, shape_of
from edgeconv.installed import own_version
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.precision import PrecisionName
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.plan.rules import check_plan

if TYPE_CHECKING:
    from edgeconv.data.formula import Io

_PRODUCER = "edgeconv"


def write(
    model: ir.Model,
    path: Path,
    precision: PrecisionName | None = None,
    plan: Plan | None = None,
    *,
    io: Io = "int8",
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Writes the hub graph in a precision; None is float32, the graph as it is.

    An int8 file is in QDQ form and takes and gives float32. With `io="uint8"` it takes uint8
    pixels, as float32 and float16 files do by a Cast. How tensors are named stands in
    `quantize.plan.qdq`.

    Args:
        model: a hub graph, which stays as it is; for the precisions between float16 and int8 one
            on the reals that the plan's integer weights stand for.
        path: of the file to write.
        precision: of its weights and activations.
        plan: parameters and integers by the hub's names; for int16x8 `quantize.plan.int16`'s.
        io: type at the ends; all but "uint8" give the same file.
        metadata: becomes the file's `metadata_props`.

    Raises:
        PlanRefused: the plan breaks a rule of the runtimes, or does not fit the graph.
        UnsupportedOperator: an operator is not ONNX's own, no runtime could load the file.
        OSError: the file cannot be written.
    """
    _save(_in_precision(model, precision, plan, io), path, metadata)


def _in_precision(
    model: ir.Model, precision: PrecisionName | None, plan: Plan | None, io: Io
) -> ir.Model:
    if precision is None or precision == "float16":
        stored = model if precision is None else onnx_stored_weights.in_float16(model)
        return _from_bytes(stored) if io == "uint8" else stored
    if plan is None:
        raise ValueError(f"a file in {precision} is written by a plan")
    if precision != "int8":
        return _PLANNED[precision](model, plan)
    check_plan(model, plan)
    graph = insert_qdq(without_implied_clamps(model, plan), plan, uint8_inputs=io == "uint8")
    spell_out(graph, plan.islands)
    return graph


_PLANNED: Mapping[PrecisionName, Callable[[ir.Model, Plan], ir.Model]] = {
    "weight-only-int8": onnx_stored_weights.with_int8_weights,
    "dynamic-int8": onnx_stored_weights.with_dynamic_int8,
    "int16x8": onnx_int16.with_int16_activations,
}


def _from_bytes(model: ir.Model) -> ir.Model:
    """A copy that takes uint8 where the graph takes real pixels."""
    copy = model.clone()
    taken = copy.graph.inputs[0]
    to = {"to": ir.DataType.FLOAT.value}
    name = f"{name_of(taken)}::float"
    cast = make_node("Cast", [taken], name=name, shape=shape_of(taken), attributes=to)
    cast.outputs[0].name = name
    taken.replace_all_uses_with(cast.outputs[0])
    cast.replace_input_with(0, taken)
    taken.type = ir.TensorType(ir.DataType.UINT8)
    copy.graph.insert_before(copy.graph[0], cast)
    return copy


def _save(model: ir.Model, path: Path, metadata: Mapping[str, str]) -> None:
    _require_standard_operators(model)
    proto = ir.to_proto(model)
    proto.producer_name = _PRODUCER
    proto.producer_version = own_version()
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, dict(sorted(metadata.items())))
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _require_standard_operators(model: ir.Model) -> None:
    foreign = [node for node in model.graph if node.domain not in STANDARD_DOMAINS]
    if foreign:
        listed = ", ".join(f"{node.domain}.{node.op_type} {node.name}" for node in foreign)
        raise UnsupportedOperator(
            f"operators outside of ONNX's own set: {listed}; no phone runtime could load them"
        )
