"""The step that narrows or widens each range to where the layers that read it err least.

Ranges come from histograms first (`quantize.plan.ranges`). Then every tensor's range is tried at a
few multiples of itself on a few photos, all tensors at once, and each keeps the multiple at which
the outputs of the layers that read it come closest to the float net's
(`quantize.refine.reader_error`). Tensors that share one grid are counted together. Graph inputs and
answers keep every value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import onnx_ir as ir

from edgeconv.graph.gates import argument_factors
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import input_of, name_of
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.affine import activation_params, covered
from edgeconv.quantize.plan.apart import keep_apart
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.plan.ranges import Range, Stretch
from edgeconv.quantize.plan.readings import clamps
from edgeconv.quantize.plan.shared import on_one_grid
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.sample import affordable
from edgeconv.quantize.recipe.step import RANGES_STEP, Step
from edgeconv.quantize.refine.reader_error import ReaderErrors
from edgeconv.runtime.feeds import Batch

T = TypeVar("T")

#: Multiples of a range that are tried, the present one first. Narrower ones look better behind a
#: layer on the few photos they are tried on, and clip what others hold, in one direction all
#: through the net: EfficientNet-B0 lost 2.6 dB by multiples down to 0.4 and gains 0.9 by these;
#: four other nets come out the same.
MULTIPLES = (1.0, 0.8, 0.9, 1.2, 1.5)
#: Multiples of what these gave that are then tried where every layer that reads the tensor clamps:
#: what a clamp kills anyway may be clipped at no cost.
CLAMPED_MULTIPLES = (0.8, 0.65, 0.5)
#: Multiples of the low end that are then tried where a swish flattens it.
LOW_MULTIPLES = (0.75, 0.5, 0.3, 0.15)
#: Another multiple is taken where it errs at most this much of what the present one does.
WORTH_IT = 0.97
#: Photos they are tried on, of a light net more for the same time: the rarer a value, the more
#: photos it takes to see what clipping it costs.
PHOTOS, MOST_PHOTOS = 16, 128
#: A range that is narrower than what was seen costs one photo in many a lot and the others nothing.
#: The few that judge may hold no such photo, so a small gain on them is none.
LEAST_GAIN_DB = 0.15


@dataclass(frozen=True)
class _Unit:
    """Tensors on one grid.

    Attributes:
        names: the tensors.
        present: the interval their grid spans now.
        whole: the interval of everything seen, inside what the graph confines them to.
    """

    names: tuple[str, ...]
    present: Range
    whole: Range

    def stretched(self, by: Stretch) -> Range:
        """The interval at multiples of the present one's ends; never past the whole."""
        low, high = (multiple * end for multiple, end in zip(by, self.present, strict=True))
        return max(low, min(self.whole[0], 0.0)), min(high, max(self.whole[1], 0.0))


@dataclass(frozen=True)
class _Choice:
    """A stretch of a unit's range, and how much its tensors' readers err by it."""

    stretch: Stretch
    error: float


def _apply(draft: Draft) -> Draft:
    units = _units(draft)
    if not units:
        return draft
    photos = spread(draft.inputs(), affordable(PHOTOS, draft.model, MOST_PHOTOS))
    found = {unit: _Choice((1.0, 1.0), math.inf) for unit in units}
    found |= _least(draft.model, photos, found, {u: [(m, m) for m in MULTIPLES] for u in units})
    clamped, flattened = _clamped(draft.model), _flattened(draft.model)
    found |= _least(
        *(draft.model, photos, found),
        {
            unit: [(m * low, m * high) for m in CLAMPED_MULTIPLES]
            for unit, (low, high) in _stretches(found).items()
            if clamped.issuperset(unit.names)
        },
    )
    found |= _least(
        *(draft.model, photos, found),
        {
            unit: [(m * low, high) for m in LOW_MULTIPLES]
            for unit, (low, high) in _stretches(found).items()
            if unit.present[0] < 0.0 and flattened.issuperset(unit.names)
        },
    )
    chosen = _stretches(found)
    stretch = {n: by for unit, by in chosen.items() for n in unit.names if by != (1.0, 1.0)}
    return draft.with_config(replace(draft.config, stretch=stretch))


def _least(
    model: ir.Model,
    photos: Sequence[Batch],
    found: Mapping[_Unit, _Choice],
    candidates: Mapping[_Unit, Sequence[Stretch]],
) -> dict[_Unit, _Choice]:
    """What errs least of every unit's candidates, unless what was found is about as good."""
    if not candidates:
        return {}
    errors_of = ReaderErrors(model, [name for unit in candidates for name in unit.names], photos)
    turns = [
        dict(zip(candidates, turn, strict=True)) for turn in zip(*candidates.values(), strict=True)
    ]
    errors = errors_of([_grids(turn) for turn in turns])
    best = {unit: found[unit] for unit in candidates}
    for turn, errs in zip(turns, errors, strict=True):
        for unit, by in turn.items():
            error = sum(errs[name] for name in unit.names)
            if error < best[unit].error * WORTH_IT:
                best[unit] = _Choice(by, error)
    return best


def _grids(turn: Mapping[_Unit, Stretch]) -> dict[str, QuantParams]:
    return {n: activation_params(u.stretched(by)) for u, by in turn.items() for n in u.names}


def _stretches(found: Mapping[_Unit, _Choice]) -> dict[_Unit, Stretch]:
    return {unit: choice.stretch for unit, choice in found.items()}


def _clamped(model: ir.Model) -> set[str]:
    """Tensors that nothing reads but layers with a clamp to both sides."""
    values = [value for node in model.graph for value in node.outputs]
    return {
        name_of(value)
        for value in values
        if value.uses() and all(clamps(use.node) for use in value.uses())
    }


def _flattened(model: ir.Model) -> set[str]:
    """Tensors of which an activation that no layer absorbs gives next to nothing below zero.

    What a swish with an argument of its own reads is one of them (`repair.swish`).
    """
    read = {
        input_of(node)
        for node in model.graph
        if operator_of(node).kind == "activation" and math.isfinite(operator_of(node).bounds[0])
    }
    arguments = [value.producer() for value in read]
    read |= {input_of(n) for n in arguments if n is not None and argument_factors(n) is not None}
    return {name_of(value) for value in read}


def _units(draft: Draft) -> list[_Unit]:
    """Every grid that is free to change, in the order of the graph."""
    fixed = {
        target.name
        for target in targets(draft.model)
        if target.is_answer or target.producer is None or operator_of(target.producer).prescribed
    }
    fixed |= keep_apart(draft.model, draft.observations.tensors).sources
    units = []
    for names in on_one_grid(draft.model, draft.plan):
        if fixed.isdisjoint(names):
            seen = [draft.observations.tensors[name] for name in names]
            whole = (min(s.minimum for s in seen), max(s.maximum for s in seen))
            units.append(_Unit(names, covered(draft.plan.activations[names[0]]), whole))
    return units


def spread(items: Iterable[T], most: int) -> list[T]:
    """At most `most` of the items, evenly spread."""
    held = list(items)
    return [held[i * len(held) // most] for i in range(most)] if len(held) > most else held


CHOOSE_RANGES = Step(RANGES_STEP, "setting", _apply, LEAST_GAIN_DB)
