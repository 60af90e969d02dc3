"""Islands: operators of an int8 net that stay in float, and which of them are worth it.

A tensor is free of rounding once every operator that writes or reads it is in float, so what is
ranked are such sets of operators: the islands come out contiguous, and one that touches an island
that is already there costs no further conversions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, written_outputs
from edgeconv.graph.metrics import node_multiply_adds
from edgeconv.graph.view import activation_inputs, name_of, shape_of
from edgeconv.quantize.mixed.sensitivity import Sensitivity
from edgeconv.quantize.plan.in_float import touching
from edgeconv.quantize.plan.parameters import Plan

#: Past this share of the multiply-adds in float a net is no int8 net.
MOST_IN_FLOAT = 0.5
#: What converting one value at the edge of an island costs, in multiply-adds.
CONVERSION = 4.0


@dataclass(frozen=True)
class Island:
    """An operator that stays in float.

    Attributes:
        node: its name in the hub.
        op_type: its ONNX operator.
        noise_share: share of the int8 net's logit noise that rounding its weights, its input and
            its output makes, 0 to 1; tensors that two islands share count for both.
        multiply_adds: of one run.
    """

    node: str
    op_type: str
    noise_share: float
    multiply_adds: int


class IslandGraph:
    """What the choice asks of the graph."""

    def __init__(self, model: ir.Model, plan: Plan) -> None:
        self.nodes = [node for node in model.graph if not is_absorbed(node)]
        self.work = {node.name or "": node_multiply_adds(node) for node in self.nodes}
        self.total = sum(self.work.values())
        self.ends = {name_of(v) for v in (*model.graph.inputs, *model.graph.outputs)}
        self.touching = touching(model, plan)
        self._elements: dict[str, int] = {}
        for node in self.nodes:
            for value in (*(v for _, v in activation_inputs(node)), *written_outputs(node)):
                if value.name in self.touching:
                    self._elements[value.name] = math.prod(shape_of(value))

    def cost(self, kept: frozenset[str]) -> float:
        """Work of nodes in float, and of the conversions around them, in multiply-adds."""
        converted = sum(
            self._elements[name]
            for name, nodes in self.touching.items()
            if not nodes.isdisjoint(kept) and not (nodes <= kept and name not in self.ends)
        )
        return sum(self.work[name] for name in kept) + CONVERSION * converted

    def multiply_adds_share(self, kept: frozenset[str]) -> float:
        """Share of the multiply-adds that nodes make."""
        return sum(self.work[name] for name in kept) / self.total if self.total else 0.0

    def islands(
        self, kept: frozenset[str], sensitivities: Sequence[Sensitivity]
    ) -> tuple[Island, ...]:
        """The nodes kept, with what they rid the net of."""
        shares = dict.fromkeys(kept, 0.0)
        for sensitivity in sensitivities:
            if sensitivity.switch.nodes <= kept:
                for name in sensitivity.switch.nodes:
                    shares[name] += sensitivity.share
        return tuple(
            Island(name, node.op_type, shares[name], self.work[name])
            for node in self.nodes
            if (name := node.name or "") in kept
        )


def ranked(graph: IslandGraph, sensitivities: Sequence[Sensitivity]) -> list[frozenset[str]]:
    """Growing sets of nodes in float, each by what rids most noise for the work it adds."""
    kept: frozenset[str] = frozenset()
    found: list[frozenset[str]] = []
    left = [s for s in sensitivities if s.share > 0]
    while left:
        cost = graph.cost(kept)
        best, best_gain = kept, 0.0
        for wanted in {s.switch.nodes for s in left}:
            grown = kept | wanted
            if graph.multiply_adds_share(grown) > MOST_IN_FLOAT:
                continue
            removed = sum(s.share for s in left if s.switch.nodes <= grown)
            gain = removed / max(graph.cost(grown) - cost, 1.0)
            if (gain, sorted(best)) > (best_gain, sorted(grown)):
                best, best_gain = grown, gain
        if best == kept:
            break
        kept = best
        found.append(kept)
        left = [s for s in left if not s.switch.nodes <= kept]
    return found
