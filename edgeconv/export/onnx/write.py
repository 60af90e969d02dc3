"""Writes a hub graph as an ONNX file: float, int8 in QDQ form under a plan, or between the two.

The same graph, plan and metadata give the same bytes. Only operators of the default ONNX domain are
written, at the hub's opset; int16 needs a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnx_ir as ir

from edgeconv.errors import UnsupportedOperator
from edgeconv.export.onnx import int16 as onnx_int16
from edgeconv.export.onnx import stored_weights as onnx_stored_weights
from edgeconv.export.onnx.clamps import without_implied_clamps
from edgeconv.export.onnx.islands import spell_out
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.precision import PrecisionName
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.plan.rules import check_plan

if TYPE_CHECKING:
    from edgeconv.data.formula import Io

_PRODUCER = "edgeconv"


def write_float(model: ir.Model, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes the hub graph as it is.

    Args:
        model: a hub graph; stays as it is.
        path: of the file to write.
        metadata: becomes the file's `metadata_props`.

    Raises:
        UnsupportedOperator: an operator is not ONNX's own, no runtime could load the file.
        OSError: the file cannot be written.
    """
    _save(model, path, metadata)


def write_int8(
    model: ir.Model, plan: Plan, path: Path, *, io: Io, metadata: Mapping[str, str]
) -> None:
    """Writes the hub graph under a quantization plan, in QDQ form.

    The file takes and gives float32, except that with `io="uint8"` it takes uint8 pixels. How
    tensors are named stands in `quantize.plan.qdq`.

    Args:
        model: a hub graph; stays as it is.
        plan: parameters and integers, by the hub's names.
        path: of the file to write.
        io: type at the file's ends; "int8" and "float32" give the same file, QDQ models have
            float ends.
        metadata: becomes the file's `metadata_props`.

    Raises:
        PlanRefused: the plan breaks a rule of the runtimes, or does not fit the graph.
        UnsupportedOperator: an operator is not ONNX's own.
        OSError: the file cannot be written.
    """
    check_plan(model, plan)
    graph = insert_qdq(without_implied_clamps(model, plan), plan, uint8_inputs=io == "uint8")
    spell_out(graph, plan.islands)
    _save(graph, path, metadata)


def write_float16(model: ir.Model, path: Path, *, metadata: Mapping[str, str]) -> None:
    """Writes the hub graph with float16 constants. Raises as `write_float`."""
    _save(onnx_stored_weights.in_float16(model), path, metadata)


def write_planned(
    model: ir.Model,
    precision: PrecisionName,
    plan: Plan,
    path: Path,
    *,
    metadata: Mapping[str, str],
) -> None:
    """Writes a graph with a plan's integer weights, but not its int8 activations.

    Args:
        model: a graph on the reals that the plan's integer weights stand for; stays as it is.
        precision: "weight-only-int8", "dynamic-int8" or "int16x8".
        plan: integers of its weights; for int16x8 that of `quantize.int16.int16_plan`.
        path: of the file to write.
        metadata: becomes the file's `metadata_props`.

    Raises as `write_int8`.
    """
    _save(_PLANNED[precision](model, plan), path, metadata)


_PLANNED: Mapping[PrecisionName, Callable[[ir.Model, Plan], ir.Model]] = {
    "weight-only-int8": onnx_stored_weights.with_int8_weights,
    "dynamic-int8": onnx_stored_weights.with_dynamic_int8,
    "int16x8": onnx_int16.with_int16_activations,
}


def _save(model: ir.Model, path: Path, metadata: Mapping[str, str]) -> None:
    _require_standard_operators(model)
    proto = ir.to_proto(model)
    proto.producer_name = _PRODUCER
    proto.producer_version = version(_PRODUCER)
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, dict(sorted(metadata.items())))
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _require_standard_operators(model: ir.Model) -> None:
    foreign = [node for node in model.graph if node.domain not in {"", "ai.onnx"}]
    if foreign:
        listed = ", ".join(f"{node.domain}.{node.op_type} {node.name}" for node in foreign)
        raise UnsupportedOperator(
            f"operators outside of ONNX's own set: {listed}; no phone runtime could load them"
        )
