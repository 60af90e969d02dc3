"""Plans from most in float to everything in int8, in the order of the noise that each leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir

from edgeconv.progress import Progress
from edgeconv.quantize.mixed.islands import Island, IslandGraph, ranked
from edgeconv.quantize.mixed.sensitivity import NoiseOf, Sensitivity, measure
from edgeconv.quantize.mixed.switches import SwitchedNet
from edgeconv.quantize.plan.in_float import with_islands
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.runtime.feeds import Batch

#: Plans between the one with most in float and the one with nothing, both among them.
MOST_TESTED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class PartlyInFloat:
    """A plan that keeps operators in float.

    Attributes:
        plan: the plan, with its islands.
        islands: what stays in float, in the graph's order.
        multiply_adds_share: share of the multiply-adds in float, 0 to 1.
    """

    plan: Plan
    islands: tuple[Island, ...] = ()
    multiply_adds_share: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The fields by name, without the plan."""
        return {
            "multiply_adds_share": round(self.multiply_adds_share, 6),
            "islands": [
                {**vars(island), "noise_share": round(island.noise_share, 6)}
                for island in self.islands
            ],
        }


class Ladder:
    """Growing sets of operators in float; nothing is measured before it is asked for."""

    def __init__(
        self,
        model: ir.Model,
        plan: Plan,
        net: SwitchedNet,
        ranking: Sequence[Batch],
        noise_of: NoiseOf,
        ends_level: Callable[[], float],
        progress: Progress,
    ) -> None:
        """Takes what it will measure on.

        Args:
            model, plan: everything in int8.
            net: the same with its switches.
            ranking: a few photos; the plan may be made of them.
            noise_of: what rounding does to a photo's values.
            ends_level: the noise of the graph's ends alone, int8's as a whole being 1.
            progress: told of the steps.
        """
        self._model, self._plan, self._net = model, plan, net
        self._ranking, self._noise_of = ranking, noise_of
        self._ends_level, self._progress = ends_level, progress

    @cached_property
    def sets(self) -> list[frozenset[str]]:
        """Growing sets of operators in float, the best to keep there first."""
        return ranked(self._graph, self._sensitivities)

    @cached_property
    def levels(self) -> list[float]:
        """The noise that each set leaves, int8's being 1; that of the ends no set takes away."""
        ends = self._ends_level()
        left = (
            sum(s.share for s in self._sensitivities if not s.switch.nodes <= kept)
            for kept in self.sets
        )
        return [ends + (1 - ends) * share for share in left]

    def with_in_float(self, kept: frozenset[str]) -> PartlyInFloat:
        """The plan with these operators in float."""
        return PartlyInFloat(
            plan=with_islands(self._model, self._plan, kept),
            islands=self._graph.islands(kept, self._sensitivities),
            multiply_adds_share=self._graph.multiply_adds_share(kept),
        )

    def steps(self) -> list[int]:
        """A few of the sets, from most in float on, as far apart in noise as may be."""
        if not self.sets:
            return []
        levels = np.geomspace(self.levels[-1], 1.0, MOST_TESTED)[:-1]
        logs = np.log(self.levels)
        numbers = {int(np.abs(logs - np.log(level)).argmin()) for level in levels}
        return sorted(numbers, reverse=True)

    @cached_property
    def _graph(self) -> IslandGraph:
        return IslandGraph(self._model, self._plan)

    @cached_property
    def _sensitivities(self) -> list[Sensitivity]:
        self._progress.step("measure the sensitivity to each rounding", len(self._net.switches))
        return measure(self._net, self._ranking, self._progress.advance, self._noise_of)
