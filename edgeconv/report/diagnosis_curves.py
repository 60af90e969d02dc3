"""What a diagnosis measured at each tensor, as curves of figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgeconv.report.plots import theme
from edgeconv.report.plots.layers import Curve

if TYPE_CHECKING:
    from edgeconv.verify.diagnose import Diagnosis

#: How each stage, or int8 file, looks in every figure: its number in the theme.
_LOOKS = {"int8.onnx": 0, "int8.tflite": 1, "weights": 2}
_GRID, _BEST = 3, 4
#: A look of the same shape and another colour.
_NEXT = len(theme.SHAPES)
#: Float files agree to a hundred decibels and more; a figure of int8 need not reach there.
_CEILING_DB = 60.0
#: Curves that differ by less are one.
_SAME_DB = 0.1


def after_all(found: Diagnosis) -> list[Curve]:
    """SQNR of each stage after all that came before."""
    names = {"weights": "int8 weights, float activations"}
    return [
        Curve(
            names.get(stage, stage), look, [_capped(t.total_db.get(stage)) for t in found.tensors]
        )
        for stage, look in _LOOKS.items()
    ]


def by_itself(found: Diagnosis) -> list[Curve]:
    """SQNR of each file's operators; what is the plan's, so right files share it, stands once."""
    files = sorted(
        {file for tensor in found.tensors for file in tensor.own}, key=_LOOKS.__getitem__
    )
    own = [_own(found, file, "sqnr_db", f"own, {file}", _LOOKS[file]) for file in files]
    grids, best = [], []
    for number, file in enumerate(files):
        further = number * _NEXT
        grids.append(_own(found, file, "grid_sqnr_db", f"output's grid, {file}", _GRID + further))
        best.append(_own(found, file, "ideal_sqnr_db", f"best 8-bit grid, {file}", _BEST + further))
    return [*own, *_once(grids, "its output's grid"), *_once(best, "the best 8-bit grid")]


def _own(found: Diagnosis, file: str, figure: str, name: str, look: int) -> Curve:
    own = [tensor.own.get(file) for tensor in found.tensors]
    return Curve(name, look, [_capped(getattr(one, figure, None)) for one in own])


def _once(curves: Sequence[Curve], name: str) -> Sequence[Curve]:
    """One curve in the place of several that agree wherever they have values."""
    joined = []
    for values in zip(*(curve.values for curve in curves), strict=True):
        told = [value for value in values if value is not None]
        if told and max(told) - min(told) > _SAME_DB:
            return curves
        joined.append(told[0] if told else None)
    return [Curve(name, curves[0].series, joined)] if curves else []


def _capped(value: float | None) -> float | None:
    return None if value is None else min(value, _CEILING_DB)
