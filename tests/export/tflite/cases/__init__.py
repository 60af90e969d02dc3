"""Small graphs, one for each thing a lowering must get right; each is run in float and in int8."""

from __future__ import annotations

from tests.export.tflite.cases import (
    activations,
    arithmetic,
    functions,
    fused,
    gathers,
    layers,
    logic,
    normalizations,
    places,
    pools,
    products,
    recurrent,
    reductions,
    selections,
    shapes,
    slices,
    spatial,
)
from tests.export.tflite.cases.case import Case

FAMILIES: tuple[dict[str, Case], ...] = (
    layers.CASES,
    products.CASES,
    pools.CASES,
    reductions.CASES,
    arithmetic.CASES,
    functions.CASES,
    activations.CASES,
    normalizations.CASES,
    recurrent.CASES,
    shapes.CASES,
    slices.CASES,
    places.CASES,
    gathers.CASES,
    spatial.CASES,
    fused.CASES,
    logic.CASES,
    selections.CASES,
)

CASES: dict[str, Case] = {name: case for family in FAMILIES for name, case in family.items()}
