"""Values of one tensor: how many there are of which size, and which ranges hold them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator

from edgeconv.report.plots import canvas, theme
from edgeconv.report.plots.page_figure import Panel, page_figure
from edgeconv.report.plots.svg import inline
from edgeconv.report.plots.ticks import Plain
from edgeconv.report.tables import Column, Table

_WIDTH, _BARS_PX, _LANE_PX = 480.0, 190.0, 20.0
_NAME_PX = 120.0
#: Between the histogram and the ranges below it.
_GAP_PX = 10.0
_LEFT, _TOP, _RIGHT, _BOTTOM = _NAME_PX + 10, 28.0, 24.0, 40.0


@dataclass(frozen=True)
class Range:
    """A range with its name, such as the grid of a file."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Values:
    """What a figure of a tensor's values shows.

    Attributes:
        edges, counts: a histogram, `edges` one longer.
        ranges: drawn below it, a lane each.
        peaks: the largest magnitude of each channel.
    """

    edges: Sequence[float]
    counts: Sequence[float]
    ranges: Sequence[Range]
    peaks: Sequence[float]


def figure_of_values(name: str, title: str, shown: Values) -> str:
    """The <figure>; nothing where there are no values.

    Args:
        name: unique on the page, an identifier.
        title: over the figure.
        shown: what to draw.
    """
    if not shown.counts:
        return ""
    panels = [Panel("Values, zeros aside", _histogram(f"{name}-values", shown))]
    peaks = sorted((peak for peak in shown.peaks if math.isfinite(peak)), reverse=True)
    if peaks:
        panels.append(Panel("Largest magnitude of each channel", _peaks(f"{name}-peaks", peaks)))
    said = "How many values there are of each size, on a logarithmic scale; below, the ranges."
    return page_figure(title, said, panels, (), _numbers(shown))


def _histogram(name: str, shown: Values) -> str:
    ranges = [r for r in shown.ranges if math.isfinite(r.low) and math.isfinite(r.high)]
    lanes = _GAP_PX + _LANE_PX * len(ranges) if ranges else 0.0
    with canvas.settings(name):
        figure = canvas.figure(_WIDTH, _TOP + _BARS_PX + lanes + _BOTTOM)
        bars = canvas.axes(figure, _LEFT, _TOP, _RIGHT, lanes + _BOTTOM)
        heights = [math.log10(1 + count) for count in shown.counts]
        bars.stairs(heights, shown.edges, fill=True, color=theme.SERIES[0])
        bars.set_title("values", loc="left", fontsize=theme.FONT_PX)
        _count_axis(bars, max(heights))
        ends = [*shown.edges, *(end for r in ranges for end in (r.low, r.high))]
        air = (max(ends) - min(ends)) * 0.03 or 1.0
        limits = (min(ends) - air, max(ends) + air)
        last = bars
        if ranges:
            bars.tick_params(labelbottom=False)
            last = canvas.axes(figure, _LEFT, _TOP + _BARS_PX + _GAP_PX, _RIGHT, _BOTTOM)
            _lanes(last, ranges)
        for drawn in dict.fromkeys((bars, last)):
            drawn.set_xlim(*limits)
            _plain_axis(drawn)
        last.set_xlabel("value")
        return inline(figure, name, label="Histogram of the values, and ranges", titles={})


def _count_axis(drawn: Axes, highest: float) -> None:
    """Counts at the logarithm of one more: 0, 1, 10 and so on, thinned where they are many."""
    counts = [0, *(10**tens for tens in range(math.ceil(highest) + 1))]
    thinned = counts[:: 1 + len(counts) // 7]
    drawn.set_ylim(0, highest * 1.05 or 1)
    drawn.yaxis.set_major_locator(FixedLocator([math.log10(1 + count) for count in thinned]))
    drawn.set_yticklabels([f"{count:,}" for count in thinned])


def _lanes(drawn: Axes, ranges: Sequence[Range]) -> None:
    for lane, one in enumerate(ranges):
        color = theme.SERIES[1 + lane % (len(theme.SERIES) - 1)]
        drawn.plot((one.low, one.high), (lane, lane), "|-", color=color, markersize=11, linewidth=2)
    drawn.set_ylim(len(ranges) - 0.5, -0.5)
    drawn.yaxis.set_major_locator(FixedLocator(range(len(ranges))))
    size = theme.SMALL_FONT_PX
    drawn.set_yticklabels([canvas.fitted(one.name, _NAME_PX, size) for one in ranges])


def _peaks(name: str, peaks: Sequence[float]) -> str:
    with canvas.settings(name):
        figure = canvas.figure(_WIDTH, _TOP + _BARS_PX + _BOTTOM)
        drawn = canvas.axes(figure, 56, _TOP, _RIGHT, _BOTTOM)
        drawn.stairs(peaks, fill=True, color=theme.SERIES[2])
        drawn.set_ylim(0, max(peaks[0] * 1.05, 1e-30))
        drawn.set_xlim(0, len(peaks))
        drawn.set_title("largest magnitude", loc="left", fontsize=theme.FONT_PX)
        drawn.set_xlabel("channels, the largest first")
        _plain_axis(drawn)
        drawn.yaxis.set_major_locator(MaxNLocator(5))
        drawn.yaxis.set_major_formatter(Plain())
        return inline(figure, name, label="Largest magnitude of each channel", titles={})


def _plain_axis(drawn: Axes) -> None:
    drawn.xaxis.set_major_locator(MaxNLocator(5))
    drawn.xaxis.set_major_formatter(Plain())
    drawn.tick_params(length=0)
    drawn.grid(visible=True)


def _numbers(shown: Values) -> Table:
    rows = [(one.name, f"{one.low:.4g}", f"{one.high:.4g}", "-") for one in shown.ranges]
    rows += [
        ("values", f"{low:.4g}", f"{high:.4g}", f"{count:.0f}")
        for low, high, count in zip(shown.edges[:-1], shown.edges[1:], shown.counts, strict=True)
        if count
    ]
    return Table((Column("what"), Column("from"), Column("to"), Column("how many")), rows)
