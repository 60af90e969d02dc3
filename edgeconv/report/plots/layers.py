"""What was measured at each layer of a net, each named in a row of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from edgeconv.report.plots import canvas, theme
from edgeconv.report.plots.page_figure import Key, Panel, page_figure
from edgeconv.report.plots.svg import inline
from edgeconv.report.tables import Column, Table

_WIDTH = 480.0
_NAME_PX = 176.0
_LEFT, _TOP, _RIGHT, _BOTTOM = _NAME_PX + 10, 26.0, 14.0, 40.0
#: A net of more layers goes on in the next panel.
_MOST_ROWS = 60
_MARK_PX = 5.0
_LEAST_ROW_PX = 17.0


@dataclass(frozen=True)
class Curve:
    """What was measured at every layer.

    Attributes:
        name: shown in the legend.
        series: its number in the theme, so that it looks the same in every figure of a page.
        values: one for each layer; None and what is not finite leave a gap.
    """

    name: str
    series: int
    values: Sequence[float | None]


@dataclass(frozen=True)
class Layers:
    """What a figure of layers shows.

    Attributes:
        names: of the layers, in their order.
        curves: what was measured.
        unit: of the values.
        marked: a layer to point at.
    """

    names: Sequence[str]
    curves: Sequence[Curve]
    unit: str
    marked: int | None = None

    def finite(self, curve: Curve, row: int) -> float:
        """A value; NaN where there is none."""
        value = curve.values[row]
        return value if value is not None and math.isfinite(value) else math.nan


def figure_of_layers(name: str, title: str, description: str, shown: Layers) -> str:
    """The <figure>; nothing where nothing was measured.

    Args:
        name: unique on the page, an identifier.
        title: over the figure.
        description: below the title.
        shown: what to draw.
    """
    curves = [
        c for c in shown.curves if any(math.isfinite(shown.finite(c, row)) for row in _all(shown))
    ]
    if not curves:
        return ""
    shown = Layers(shown.names, curves, shown.unit, shown.marked)
    count = len(shown.names)
    size = -(-count // -(-count // _MOST_ROWS))
    pieces = [range(start, min(start + size, count)) for start in range(0, count, size)]
    panels = [_panel(f"{name}-{number}", shown, rows) for number, rows in enumerate(pieces)]
    legend = []
    for curve in curves:
        color, (_, sign, _) = theme.series(curve.series)
        legend.append(Key(sign, theme.VARIABLES[color], curve.name))
    return page_figure(title, description, panels, legend, _numbers(shown))


def _all(shown: Layers) -> range:
    return range(len(shown.names))


def _panel(name: str, shown: Layers, rows: range) -> Panel:
    row_px = max(_LEAST_ROW_PX, (_MARK_PX + 1) * len(shown.curves) + 2)
    with canvas.settings(name):
        figure = canvas.figure(_WIDTH, _TOP + _BOTTOM + row_px * len(rows))
        drawn = canvas.axes(figure, _LEFT, _TOP, _RIGHT, _BOTTOM)
        _scales(drawn, shown, rows)
        for number, curve in enumerate(shown.curves):
            color, (shape, _, _) = theme.series(curve.series)
            # Each curve has a lane of its own in the row, so that none lies under another.
            lane = ((number + 0.5) / len(shown.curves) - 0.5) * (len(shown.curves) * (_MARK_PX + 1))
            places = [row + lane / row_px for row in rows]
            values = [shown.finite(curve, row) for row in rows]
            drawn.plot(values, places, color=color, linewidth=0.8, alpha=0.45)
            drawn.plot(values, places, shape, color=color, markersize=_MARK_PX, markeredgewidth=0)
        titles = _row_titles(drawn, shown, rows)
        label = f"{shown.names[rows[0]]} to {shown.names[rows[-1]]}, in {shown.unit}"
        svg = inline(figure, name, label=canvas.plain_text(label), titles=titles)
    return Panel("", svg)


def _scales(drawn: Axes, shown: Layers, rows: range) -> None:
    values = [shown.finite(curve, row) for curve in shown.curves for row in _all(shown)]
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(0.0, *finite), max(0.0, *finite)
    air = (high - low) * 0.04 or 1.0
    drawn.set_xlim(low - air, high + air)
    drawn.set_ylim(rows[-1] + 0.5, rows[0] - 0.5)
    drawn.xaxis.set_major_locator(MaxNLocator(5))
    drawn.set_xlabel(shown.unit)
    drawn.yaxis.set_major_locator(FixedLocator(list(rows)))
    size = theme.SMALL_FONT_PX
    names = drawn.set_yticklabels([canvas.fitted(shown.names[r], _NAME_PX, size) for r in rows])
    if shown.marked is not None and shown.marked in rows:
        names[shown.marked - rows[0]].set_color(theme.BAD)
        names[shown.marked - rows[0]].set_fontweight("bold")
        drawn.axhspan(shown.marked - 0.5, shown.marked + 0.5, color=theme.BAD, alpha=0.15, lw=0)
    drawn.tick_params(length=0, labeltop=True)
    drawn.grid(visible=True)


def _row_titles(drawn: Axes, shown: Layers, rows: range) -> dict[str, str]:
    """A band over each row, all but unseen, that tells its figures on hovering."""
    titles = {}
    for row in rows:
        gid = f"row{row}"
        drawn.axhspan(row - 0.5, row + 0.5, color=theme.FAINT, alpha=0.01, lw=0, zorder=9, gid=gid)
        told = [(c.name, shown.finite(c, row)) for c in shown.curves]
        said = ", ".join(f"{n} {v:.1f} {shown.unit}" for n, v in told if math.isfinite(v))
        titles[gid] = canvas.plain_text(f"{shown.names[row]}: {said or 'not measured'}")
    return titles


def _numbers(shown: Layers) -> Table:
    columns = (Column("layer"), *(Column(f"{c.name}, {shown.unit}") for c in shown.curves))
    rows = []
    for row in _all(shown):
        values = [shown.finite(curve, row) for curve in shown.curves]
        cells = [f"{value:.1f}" if math.isfinite(value) else "-" for value in values]
        rows.append((shown.names[row], *cells))
    return Table(columns, rows)
