"""An int8 form under way: what a recipe's steps take and give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.progress import Advance
from edgeconv.quantize.observe.observations import Observations, observe
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.refine.moments import second_moments
from edgeconv.quantize.refine.rounding import WeightRounder
from edgeconv.quantize.repair.ends import Ends
from edgeconv.quantize.repair.repairs import Repairs

Inputs = Callable[[], Iterable[NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class Draft:
    """A graph with photos to look at and a way to plan it; observed and planned when first asked.

    Attributes:
        model: the hub graph, repaired or not.
        inputs: gives the photos a step may look at, float32 (N, 3, H, W), afresh at every call.
        config: how the plan is made.
        ends: what is known of the net's input and output.
        repairs: what was done to single channels of the graph.
        original: the graph before any repair; None where this is it.
    """

    model: ir.Model
    inputs: Inputs
    config: PlanConfig
    ends: Ends = field(default_factory=Ends)
    repairs: Repairs = field(default_factory=Repairs)
    original: ir.Model | None = None
    _rounders: dict[int, WeightRounder] = field(default_factory=dict, repr=False)

    @property
    def unrepaired(self) -> ir.Model:
        """The graph before any repair."""
        return self.model if self.original is None else self.original

    @cached_property
    def observations(self) -> Observations:
        """Statistics of the graph on the photos; raises as `observe`."""
        return observe(self.model, self.inputs())

    @cached_property
    def plan(self) -> Plan:
        """The quantization; raises as `build_plan`."""
        return build_plan(self.model, self.observations, self.config)

    def with_model(self, model: ir.Model, repairs: Repairs) -> Draft:
        """The draft of a repaired graph, to be observed anew.

        Args:
            model: the graph.
            repairs: what was done to its channels.
        """
        known = self.repairs.and_then(repairs)
        return replace(self, model=model, repairs=known, original=self.unrepaired, _rounders={})

    def with_more(self, photos: Iterable[NDArray[np.float32]], advance: Advance) -> Draft:
        """The same graph, planned in the same way from these photos too; steps still see the few.

        Args:
            photos: others than `inputs` gives.
            advance: told how many photos are observed.
        """
        seen = self.__dict__.get("observations")
        photos = photos if seen is not None else chain(self.inputs(), photos)
        draft = replace(self)
        draft.__dict__["observations"] = observe(self.model, photos, after=seen, advance=advance)
        return draft

    def with_config(self, config: PlanConfig) -> Draft:
        """The same graph, planned in another way from the same statistics."""
        draft = replace(self, config=config)
        if "observations" in self.__dict__:
            draft.__dict__["observations"] = self.observations
        return draft

    def rounder(self, photos: int) -> WeightRounder:
        """Rounds the graph's weights from so many of the photos; drafts of one graph share it."""
        if photos not in self._rounders:
            self._rounders[photos] = WeightRounder(
                self.model, lambda: second_moments(self.model, islice(self.inputs(), photos))
            )
        return self._rounders[photos]

    def with_plan(self, plan: Plan) -> Draft:
        """The same graph with a plan that was worked on."""
        draft = self.with_config(self.config)
        draft.__dict__["plan"] = plan
        return draft
