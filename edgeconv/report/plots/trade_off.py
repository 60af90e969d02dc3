"""One figure against another, such as accuracy against latency: points, intervals, the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from edgeconv.report.plots import canvas, labels, theme
from edgeconv.report.plots.page_figure import Key, Panel, page_figure
from edgeconv.report.plots.svg import inline
from edgeconv.report.tables import Column, Table

_WIDTH, _HEIGHT = 480.0, 360.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 50.0, 28.0, 14.0, 44.0
_MARK_PX = 7.0
#: Past so many points only those on the front are named.
_ALL_NAMED = 40
_NAME_PX = 170.0
#: Ratio of the largest to the smallest from which an axis is logarithmic.
_LOGARITHMIC = 8.0
_MOST_TICKS = 7


@dataclass(frozen=True)
class Figure:
    """A measured figure with its interval, of which only the first has to be there.

    Attributes:
        value: the point estimate.
        low, high: ends of the interval; None where it is not known.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The interval, of no width where it is not known."""
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return low, high


@dataclass(frozen=True)
class Point:
    """What is compared.

    Attributes:
        name: shown beside the point.
        panel: drawn together with the others of that name, such as a device.
        kind: told apart by shape and colour, such as "int8 tflite".
        x, y: less is better in x, more in y; None where it was not measured.
        noisy: whether x was too noisy to trust; drawn hollow and dashed.
    """

    name: str
    panel: str
    kind: str
    x: Figure | None
    y: Figure | None
    noisy: bool = False


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and its unit."""

    name: str
    unit: str

    def __str__(self) -> str:
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass(frozen=True)
class _Whole:
    """A point that has both figures, as it is drawn."""

    point: Point
    x: Figure
    y: Figure


def trade_off(name: str, title: str, points: Sequence[Point], x: Axis, y: Axis) -> str:
    """The <figure>: a panel for each `panel` of the points, all on the same scales.

    Args:
        name: unique on the page, an identifier.
        title: over the figure.
        points: up to some hundreds; those that lack a figure are counted, not drawn.
        x, y: the axes.

    Returns:
        Nothing where no point has both figures.
    """
    whole = [w for w in map(_whole, points) if w is not None]
    if not whole:
        return ""
    kinds = {kind: i for i, kind in enumerate(sorted({w.point.kind for w in whole}))}
    panels = []
    for number, panel in enumerate(dict.fromkeys(w.point.panel for w in whole)):
        members = [w for w in whole if w.point.panel == panel]
        panels.append(_panel(f"{name}-{number}", members, whole, kinds, (x, y)))
    absent = len(points) - len(whole)
    description = _description(x, y, absent)
    return page_figure(title, description, panels, _legend(kinds, whole), _numbers(whole, x, y))


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which points no other one beats: none has as little x and as much y, one of them better.

    Returns:
        Their indices, by x and then by -y.
    """
    best = -math.inf
    on: list[int] = []
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    for index in order:
        x, y = points[index]
        if y > best or (on and points[on[-1]] == (x, y)):
            best = y
            on.append(index)
    return on


def _whole(point: Point) -> _Whole | None:
    if point.x is None or point.y is None:
        return None
    if not all(map(math.isfinite, (*point.x.ends, *point.y.ends, point.x.value, point.y.value))):
        return None
    return _Whole(point, point.x, point.y)


def _description(x: Axis, y: Axis, absent: int) -> str:
    said = (
        f"{y.name} against {x.name}; up and left is better. Bars are the intervals. The line is "
        "the Pareto front by the point estimates: no other point is as good in both and better in "
        "one; within the intervals its neighbours may belong there too. Names without room are "
        "left to the marks' own titles and to the table."
    )
    return f"{said} Not drawn, for want of one of the two figures: {absent}." if absent else said


def _panel(
    name: str,
    members: Sequence[_Whole],
    whole: Sequence[_Whole],
    kinds: dict[str, int],
    axes_of: tuple[Axis, Axis],
) -> Panel:
    x, y = axes_of
    on = front([(w.x.value, w.y.value) for w in members])
    named = ", ".join(dict.fromkeys(members[i].point.name for i in on))
    with canvas.settings(name):
        figure = canvas.figure(_WIDTH, _HEIGHT)
        drawn = canvas.axes(figure, _LEFT, _TOP, _RIGHT, _BOTTOM)
        _scales(drawn, whole)
        drawn.set_xlabel(str(x))
        drawn.set_title(str(y), loc="left", fontsize=theme.FONT_PX)
        drawn.step(
            [members[i].x.value for i in on],
            [members[i].y.value for i in on],
            where="post",
            color=theme.FRONT,
            linewidth=1.2,
        )
        titles = _marks(drawn, members, kinds, axes_of)
        _names(drawn, members, on)
        label = f"{members[0].point.panel}: {y.name} against {x.name}, {len(members)} points"
        svg = inline(figure, name, label=canvas.plain_text(label), titles=titles)
    return Panel(members[0].point.panel, svg, f"On the front: {named}.")


def _scales(drawn: Axes, whole: Sequence[_Whole]) -> None:
    """Limits that hold every interval of every panel, and ticks that leave each other room."""
    ends_x = np.array([w.x.ends for w in whole])
    ends_y = np.array([w.y.ends for w in whole])
    low, high = float(ends_x.min()), float(ends_x.max())
    if low > 0 and high / low > _LOGARITHMIC:
        drawn.set_xscale("log")
        air = (high / low) ** 0.06
        drawn.set_xlim(low / air, high * air)
        drawn.xaxis.set_major_locator(FixedLocator(_log_ticks(low / air, high * air)))
        drawn.xaxis.set_minor_locator(NullLocator())
    else:
        drawn.set_xlim(*_aired(low, high))
        drawn.xaxis.set_major_locator(MaxNLocator(5))
    drawn.set_ylim(*_aired(float(ends_y.min()), float(ends_y.max())))
    drawn.yaxis.set_major_locator(MaxNLocator(6))
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    drawn.grid(visible=True)
    drawn.tick_params(length=0)


def _aired(low: float, high: float) -> tuple[float, float]:
    air = (high - low) * 0.08 or max(abs(high) * 0.05, 1e-6)
    return low - air, high + air


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade, or whole decades where those are too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [t for d in decades for digit in digits if low <= (t := digit * 10.0**d) <= high]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // _MOST_TICKS)]


def _marks(
    drawn: Axes, members: Sequence[_Whole], kinds: dict[str, int], axes_of: tuple[Axis, Axis]
) -> dict[str, str]:
    titles = {}
    for number, whole in enumerate(members):
        color, (shape, _, _) = theme.series(kinds[whole.point.kind])
        dashes = (0, (2, 2)) if whole.point.noisy else "solid"
        x, y = whole.x.value, whole.y.value
        for at, to in (((whole.x.ends), (y, y)), ((x, x), (whole.y.ends))):
            if at[0] != at[1] or to[0] != to[1]:
                drawn.plot(at, to, color=color, linewidth=1, linestyle=dashes, alpha=0.55)
        gid = f"mark{number}"
        face = "none" if whole.point.noisy else color
        drawn.plot([x], [y], shape, markersize=_MARK_PX, color=color, markerfacecolor=face, gid=gid)
        titles[gid] = f"{canvas.plain_text(whole.point.name)}, " + _said(whole, axes_of)
    return titles


def _said(whole: _Whole, axes_of: tuple[Axis, Axis]) -> str:
    x, y = axes_of
    noisy = " (too noisy to trust)" if whole.point.noisy else ""
    kind = canvas.plain_text(whole.point.kind)
    return f"{kind}: {x.name} {_range(whole.x, x)}{noisy}, {y.name} {_range(whole.y, y)}"


def _range(figure: Figure, axis: Axis) -> str:
    said = f"{figure.value:.4g} {axis.unit}".strip()
    if figure.low is None or figure.high is None:
        return said
    return f"{said} ({figure.low:.4g} to {figure.high:.4g})"


def _names(drawn: Axes, members: Sequence[_Whole], on: Sequence[int]) -> None:
    """Names of the front's points first, then of the others where they are few."""
    size = theme.SMALL_FONT_PX
    # The transform knows the limits only once it has been asked for them.
    drawn.get_xlim(), drawn.get_ylim()
    places = drawn.transData.transform([(w.x.value, w.y.value) for w in members])
    texts = [canvas.fitted(w.point.name, _NAME_PX, size) for w in members]
    others = [i for i in range(len(members)) if i not in set(on)]
    order = [*on, *(others if len(members) <= _ALL_NAMED else [])]
    bounds = drawn.get_window_extent()
    placed = labels.place(
        places,
        [canvas.text_width(text, size) for text in texts],
        order,
        np.vstack([_boxes(places), _corners(places[list(on)])]),
        (bounds.x0, bounds.y0, bounds.x1, bounds.y1),
        size,
    )
    for name in placed:
        text, point = texts[name.index], places[name.index]
        low = name.y - size * 0.35  # the baseline: capitals are 0.7 of the size high
        back = drawn.transData.inverted()
        x, y = back.transform((name.x, low))
        drawn.text(x, y, text, fontsize=size, ha="center", va="baseline")
        if name.led:
            line = back.transform([point, (name.x, name.y)])
            drawn.plot(line[:, 0], line[:, 1], color=theme.FAINT, linewidth=0.6, zorder=1)


def _boxes(places: NDArray[np.float64]) -> NDArray[np.float64]:
    half = _MARK_PX / 2 + 1
    return np.hstack([places - half, places + half])


def _corners(front_places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes around the pieces of the front's line, along and then up."""
    first, second = front_places[:-1], front_places[1:]
    corner = np.stack([second[:, 0], first[:, 1]], axis=1)
    return np.vstack([np.hstack([first, corner]), np.hstack([corner, second])])


def _legend(kinds: dict[str, int], whole: Sequence[_Whole]) -> list[Key]:
    keys = []
    for kind, number in kinds.items():
        color, (_, sign, _) = theme.series(number)
        keys.append(Key(sign, theme.VARIABLES[color], kind))
    if any(w.point.noisy for w in whole):
        keys.append(Key("○□", "currentColor", "hollow, dashed: too noisy to trust"))
    keys.append(Key("—", theme.VARIABLES[theme.FRONT], "Pareto front"))
    return keys


def _numbers(whole: Sequence[_Whole], x: Axis, y: Axis) -> Table:
    columns = (Column("name"), Column("on"), Column("kind"), Column(str(x)), Column(str(y)))
    rows = [
        (
            w.point.name,
            w.point.panel,
            w.point.kind,
            _range(w.x, x) + (", noisy" if w.point.noisy else ""),
            _range(w.y, y),
        )
        for w in whole
    ]
    return Table(columns, rows)
