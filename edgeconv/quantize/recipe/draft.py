"""An int8 form under way: what a recipe's steps take and give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice

import onnx_ir as ir

from edgeconv.progress import Advance
from edgeconv.quantize.observe.kept import fits
from edgeconv.quantize.observe.observations import Observations, observe
from edgeconv.quantize.observe.statistics import TensorStatistics
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.quantize.refine.moments import second_moments
from edgeconv.quantize.refine.rounding import WeightRounder
from edgeconv.quantize.repair.ends import Ends
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.runtime.feeds import Batch

Inputs = Callable[[], Iterable[Batch]]


@dataclass(frozen=True, eq=False)
class Draft:
    """A graph with photos to look at and a way to plan it; observed and planned when first asked.

    Attributes:
        model: the hub graph, repaired or not.
        inputs: gives the photos a step may look at, float32 (N, 3, H, W), afresh at every call.
        trials: how many of them the graph is observed on until `with_more`; None for all.
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
    trials: int | None = None
    _known: Mapping[str, TensorStatistics] = field(default_factory=dict, repr=False)
    _rounders: dict[int, WeightRounder] = field(default_factory=dict, repr=False)

    @property
    def unrepaired(self) -> ir.Model:
        """The graph before any repair."""
        return self.model if self.original is None else self.original

    @cached_property
    def observations(self) -> Observations:
        """Statistics of the graph on its first photos; raises as `observe`."""
        photos = list(islice(self.inputs(), self.trials))
        keep = fits(self.model, len(photos))
        return observe(self.model, photos, known=self._known, keep=keep)

    @cached_property
    def plan(self) -> Plan:
        """The quantization; raises as `build_plan`."""
        return build_plan(self.model, self.observations, self.config)

    def with_model(
        self, model: ir.Model, repairs: Repairs, original: ir.Model | None = None
    ) -> Draft:
        """The draft of a repaired graph: observed anew are only the tensors that it changed.

        Where it scaled channels and did nothing else, what was seen is scaled instead.

        Args:
            model: the graph.
            repairs: what was done to its channels; a tensor that they do not name holds what it
                held before, up to rounding, but where swishes got an argument of their own.
            original: the graph before any repair, its channels in the same order; None where they
                are in the order that they were in.
        """
        seen: Observations | None = self.__dict__.get("observations")
        changed = {*repairs.factors, *repairs.copies, *repairs.offsets}
        tensors = {} if seen is None or repairs.swishes else seen.tensors
        draft = replace(
            self,
            model=model,
            repairs=self.repairs.and_then(repairs),
            original=self.unrepaired if original is None else original,
            _known={name: found for name, found in tensors.items() if name not in changed},
            _rounders={},
        )
        scales_alone = repairs == Repairs(factors=repairs.factors)
        if seen is not None and scales_alone and seen.can_scale(repairs.factors):
            draft.__dict__["observations"] = seen.scaled(repairs.factors)
        return draft

    def with_more(self, photos: Iterable[Batch], advance: Advance) -> Draft:
        """The same graph, planned in the same way from all of `inputs` and from these photos too.

        Args:
            photos: others than `inputs` gives; steps still see those alone.
            advance: told how many photos are observed.
        """
        seen: Observations | None = self.__dict__.get("observations")
        photos = chain(islice(self.inputs(), 0 if seen is None else seen.inputs, None), photos)
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
                self.model,
                lambda weights: second_moments(self.model, islice(self.inputs(), photos), weights),
            )
        return self._rounders[photos]

    def with_plan(self, plan: Plan) -> Draft:
        """The same graph with a plan that was worked on."""
        draft = self.with_config(self.config)
        draft.__dict__["plan"] = plan
        return draft
