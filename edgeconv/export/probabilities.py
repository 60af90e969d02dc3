"""Probabilities in place of a classifier's logits (`--softmax`).

    ... -> logits    ->    ... -> logits -> Softmax -> probabilities

It is put behind the graph after everything was quantized, for what keeps int8 accurate is judged on
logits. In every file it computes in float: 256 steps between 0 and 1 would make equals of most of a
thousand classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.bundle.predictor import softmax
from edgeconv.errors import UsageError
from edgeconv.export.sources.source import Reference
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import make_node
from edgeconv.graph.view import is_real, name_of, producer_of, shape_of
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.runtime.feeds import Batch
from edgeconv.runtime.metrics import Whole
from edgeconv.verify.parity.expected import Float64
from edgeconv.verify.thresholds import Thresholds

#: Name of the output, and of the node that gives it, where no other has it.
PROBABILITIES = "probabilities"


def gives_probabilities(model: ir.Model) -> bool:
    """Whether the graph's first output is a softmax's row."""
    first = model.graph.outputs[0]
    writer = first.producer()
    return _is_row(first) and writer is not None and operator_of(writer).kind == "softmax"


def logits_of(model: ir.Model, target: str) -> str:
    """Name of the output that a softmax can stand behind: the first, a row of classes.

    Raises:
        UsageError: it is none, or gives probabilities already.
    """
    first = model.graph.outputs[0]
    if not _is_row(first):
        raise UsageError(
            f"--softmax is of classifiers: the first output of {target} is {first.name} of shape "
            f"{shape_of(first)}, no row of logits for each photo; leave it out"
        )
    if gives_probabilities(model):
        raise UsageError(f"{target} ends in a softmax already; leave --softmax out")
    return name_of(first)


def _is_row(value: ir.Value) -> bool:
    return is_real(value) and len(shape_of(value)) == 2 and shape_of(value)[1] > 1


def with_softmax(model: ir.Model) -> ir.Model:
    """A copy of a hub graph that gives probabilities in place of its first output."""
    copy = model.clone()
    logits, name = copy.graph.outputs[0], _free_name(model)
    node = make_node("Softmax", [logits], name=name, shape=shape_of(logits), attributes={"axis": 1})
    node.outputs[0].name = name
    copy.graph.append(node)
    copy.graph.outputs[0] = node.outputs[0]
    return copy


def _free_name(model: ir.Model) -> str:
    values = (*model.graph.inputs, *(value for node in model.graph for value in node.outputs))
    taken = {value.name for value in values} | {node.name for node in model.graph}
    return f"{PROBABILITIES}::softmax" if PROBABILITIES in taken else PROBABILITIES


def in_float(plan: Plan, model: ir.Model) -> Plan:
    """A plan of the graph before `with_softmax`, for the one behind it."""
    softmax_node = producer_of(model.graph.outputs[0])
    return replace(plan, islands=plan.islands | {softmax_node.name or ""})


@dataclass(frozen=True, eq=False)
class ProbableReference:
    """A reference whose logits go through a softmax.

    Attributes:
        model: the hub graph with the softmax.
        inner: the net's own.
        logits: name of its output.
    """

    model: ir.Model
    inner: Reference
    logits: str

    @property
    def batch(self) -> int:
        """As `Reference.batch`."""
        return self.inner.batch

    def outputs(self, samples: Batch) -> dict[str, NDArray[Any]]:
        """As `Reference.outputs`."""
        return self._changed(self.inner.outputs(samples))

    def float64(self, samples: Batch) -> Float64:
        """As `Reference.float64`."""
        found = self.inner.float64(samples)
        return replace(found, outputs=self._changed(found.outputs)) if found.outputs else found

    def doubts(
        self, samples: Batch, outputs: Mapping[str, NDArray[Any]], thresholds: Thresholds
    ) -> dict[str, Whole]:
        """As `Reference.doubts`."""
        return self.inner.doubts(samples, outputs, thresholds)

    def _changed(self, outputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        first = name_of(self.model.graph.outputs[0])
        logits = outputs[self.logits]
        changed = {first: softmax(logits).astype(logits.dtype)}
        return changed | {n: array for n, array in outputs.items() if n != self.logits}
