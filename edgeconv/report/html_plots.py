"""Plots as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

_WIDTH, _HEIGHT = 960, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 34


@dataclass(frozen=True)
class Line:
    """One curve of a plot.

    Attributes:
        name: shown in the legend.
        values: one for each place; NaN and infinity leave a gap.
        color: a CSS colour.
    """

    name: str
    values: Sequence[float]
    color: str


@dataclass(frozen=True)
class Mark:
    """A vertical line at a place, with a word."""

    place: float
    label: str
    color: str


@dataclass(frozen=True)
class _Frame:
    """From data to pixels."""

    low: float
    high: float
    first: float
    last: float

    def x(self, place: float) -> float:
        share = (place - self.first) / ((self.last - self.first) or 1)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def lines(
    curves: Sequence[Line], names: Sequence[str], *, unit: str, marked: int | None = None
) -> str:
    """Curves over numbered places; each place tells its name on hovering.

    Args:
        curves: what to draw.
        names: of the places.
        unit: of the values.
        marked: a place to point at.
    """
    finite = [v for curve in curves for v in curve.values if math.isfinite(v)]
    if not finite:
        return ""
    frame = _Frame(min(0.0, *finite), max(finite), 0, max(len(names) - 1, 1))
    parts = [_axis(frame, unit)]
    for curve in curves:
        stretches = groupby(enumerate(curve.values), lambda item: math.isfinite(item[1]))
        for run in (values for is_there, values in stretches if is_there):
            points = " ".join(f"{frame.x(i):.1f},{frame.y(v):.1f}" for i, v in run)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{escape(curve.color)}" '
                'stroke-width="1.6"/>'
            )
        parts += [
            f'<circle cx="{frame.x(i):.1f}" cy="{frame.y(v):.1f}" r="2.4" '
            f'fill="{escape(curve.color)}"><title>{escape(names[i])}: {v:.1f} {escape(unit)}'
            "</title></circle>"
            for i, v in enumerate(curve.values)
            if math.isfinite(v)
        ]
    if marked is not None:
        parts.append(_vertical(frame, Mark(marked, names[marked], "var(--bad)")))
    return _figure(parts, [(curve.name, curve.color) for curve in curves])


def histogram(
    edges: Sequence[float], counts: Sequence[float], marks: Sequence[Mark], *, label: str
) -> str:
    """Counts on a logarithmic scale, with marks such as the ends of a grid."""
    heights = [math.log10(1 + count) for count in counts]
    if not heights:
        return ""
    places = [edges[0], edges[-1], *(mark.place for mark in marks)]
    frame = _Frame(0.0, max(max(heights), 1e-9), min(places), max(places))
    bars = [
        f'<rect x="{frame.x(low):.1f}" y="{frame.y(height):.1f}" '
        f'width="{max(frame.x(high) - frame.x(low) - 0.6, 0.4):.1f}" '
        f'height="{max(frame.y(0) - frame.y(height), 0):.1f}" fill="var(--a)">'
        f"<title>{low:.4g} to {high:.4g}: {count:.0f}</title></rect>"
        for low, high, height, count in zip(edges[:-1], edges[1:], heights, counts, strict=True)
    ]
    ends = [
        f'<text x="{frame.x(place):.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{place:.4g}</text>'
        for place in (edges[0], edges[-1])
    ]
    return _figure([*bars, *ends, *(_vertical(frame, m) for m in marks)], [(label, "var(--a)")])


def bars(values: Sequence[float], *, label: str) -> str:
    """One bar for each value, the largest first."""
    ordered = sorted((v for v in values if math.isfinite(v)), reverse=True)
    if not ordered:
        return ""
    frame = _Frame(0.0, max(ordered[0], 1e-30), 0, len(ordered))
    width = max((_WIDTH - _LEFT - _RIGHT) / len(ordered) - 0.4, 0.3)
    parts = [
        f'<rect x="{frame.x(i):.1f}" y="{frame.y(v):.1f}" width="{width:.2f}" '
        f'height="{max(frame.y(0) - frame.y(v), 0):.1f}" fill="var(--c)"/>'
        for i, v in enumerate(ordered)
    ]
    return _figure([_axis(frame, ""), *parts], [(label, "var(--c)")])


def _axis(frame: _Frame, unit: str) -> str:
    parts = []
    for step in range(5):
        value = frame.low + (frame.high - frame.low) * step / 4
        y = frame.y(value)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="var(--line)"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{value:.3g}</text>"
        )
    return "".join(parts) + f'<text x="4" y="11">{escape(unit)}</text>'


def _vertical(frame: _Frame, mark: Mark) -> str:
    x = frame.x(mark.place)
    anchor = "end" if x > _WIDTH / 2 else "start"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
        f'stroke="{escape(mark.color)}" stroke-dasharray="4 3"/>'
        f'<text x="{x:.1f}" y="{_TOP - 3}" text-anchor="{anchor}">{escape(mark.label)}</text>'
    )


def _figure(parts: Sequence[str], legend: Sequence[tuple[str, str]]) -> str:
    words = []
    for index, (name, color) in enumerate(legend):
        x = _LEFT + 170 * index
        words.append(
            f'<rect x="{x}" y="{_HEIGHT - 11}" width="10" height="10" fill="{escape(color)}"/>'
            f'<text x="{x + 14}" y="{_HEIGHT - 2}">{escape(name)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}{"".join(words)}</svg>'
    )
