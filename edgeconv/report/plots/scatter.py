"""One panel of points with their intervals, their front and their names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from edgeconv.report.plots import canvas, labels, theme
from edgeconv.report.plots.page_figure import Panel
from edgeconv.report.plots.points import Axis, Drawn, front
from edgeconv.report.plots.svg import inline
from edgeconv.report.plots.ticks import Plain
from edgeconv.runtime.plain import plain, shortened

_WIDTH, _HEIGHT = 480.0, 360.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 50.0, 28.0, 14.0, 44.0
_MARK_PX = 7.0
#: Past so many points only those on the front are named.
_ALL_NAMED = 40
_NAME_PX = 170.0
#: Characters of a name below the panel.
_NAME_SAID = 60
#: Points of one name within so many pixels are named once.
_SAME_PX = 40.0
#: Ratio of the largest to the smallest from which an axis is logarithmic.
_LOGARITHMIC = 8.0
_MOST_TICKS = 7
#: Of the largest figure, free beside the points: what differs by less than that looks alike.
_LEAST_AIR = 0.02


def panel(
    name: str,
    members: Sequence[Drawn],
    everything: Sequence[Drawn],
    kinds: Mapping[str, int],
    axes: tuple[Axis, Axis],
) -> Panel:
    """The panel of some points.

    Args:
        name: unique on the page.
        members: the points.
        everything: those of all panels, which share their scales.
        kinds: the theme's number of each kind.
        axes: x and y.
    """
    title = members[0].point.panel
    on = front([(member.x.value, member.y.value) for member in members], axes)
    with canvas.settings(name):
        figure = canvas.figure(_WIDTH, _HEIGHT)
        drawn = canvas.axes(figure, _LEFT, _TOP, _RIGHT, _BOTTOM)
        _scales(drawn, everything, axes)
        along, up = zip(*((members[i].x.value, members[i].y.value) for i in on), strict=True)
        drawn.step(along, up, where="post", color=theme.FRONT, linewidth=1.2)
        places = _places(drawn, members)
        titles = _marks(drawn, members, places, kinds, axes)
        _names(drawn, members, places, on)
        label = f"{title}: {axes[1].name} against {axes[0].name}, {len(members)} points"
        svg = inline(figure, name, label=canvas.plain_text(label), titles=titles)
    return Panel(title, svg, f"On the front: {_named(members, on)}.")


def _named(members: Sequence[Drawn], on: Sequence[int]) -> str:
    said = []
    for point in (members[i].point for i in on):
        name = shortened(plain(point.name), _NAME_SAID)
        said.append(f"{name} (too noisy to trust)" if point.noisy else name)
    return ", ".join(dict.fromkeys(said))


def _scales(drawn: Axes, everything: Sequence[Drawn], axes: tuple[Axis, Axis]) -> None:
    """Limits that hold every interval of every panel, and ticks that leave each other room."""
    ends_x = np.array([w.x.ends for w in everything])
    ends_y = np.array([w.y.ends for w in everything])
    low, high = float(ends_x.min()), float(ends_x.max())
    if low > 0 and high / low > _LOGARITHMIC:
        drawn.set_xscale("log")
        air = 10 ** (0.06 * math.log10(high / low))
        drawn.set_xlim(low / air, high * air)
        drawn.xaxis.set_major_locator(FixedLocator(_log_ticks(low / air, high * air)))
        drawn.xaxis.set_minor_locator(NullLocator())
    else:
        drawn.set_xlim(*_aired(low, high))
        drawn.xaxis.set_major_locator(MaxNLocator(5))
    drawn.set_ylim(*_aired(float(ends_y.min()), float(ends_y.max())))
    drawn.yaxis.set_major_locator(MaxNLocator(6))
    for axis in (drawn.xaxis, drawn.yaxis):
        axis.set_major_formatter(Plain())
    drawn.set_xlabel(str(axes[0]))
    drawn.set_title(str(axes[1]), loc="left", fontsize=theme.FONT_PX)
    drawn.grid(visible=True)
    drawn.tick_params(length=0)


def _aired(low: float, high: float) -> tuple[float, float]:
    air = max((high - low) * 0.08, abs(high) * _LEAST_AIR) or 1e-6
    return low - air, high + air


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade, or whole decades where those are too many."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [t for d in decades for digit in digits if low <= (t := digit * 10.0**d) <= high]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // _MOST_TICKS)]


def _places(drawn: Axes, members: Sequence[Drawn]) -> NDArray[np.float64]:
    """Where the marks stand, in pixels (n, 2): those that would hide each other side by side."""
    # The transform knows the limits only once it has been asked for them.
    drawn.get_xlim(), drawn.get_ylim()
    exact = drawn.transData.transform([(member.x.value, member.y.value) for member in members])
    return labels.apart(exact, _MARK_PX)


def _marks(
    drawn: Axes,
    members: Sequence[Drawn],
    places: NDArray[np.float64],
    kinds: Mapping[str, int],
    axes: tuple[Axis, Axis],
) -> dict[str, str]:
    """Marks and intervals; what each mark tells, by its gid."""
    titles = {}
    stand = drawn.transData.inverted().transform(places)
    for number, (member, (x, y)) in enumerate(zip(members, stand, strict=True)):
        color, (shape, _, _) = theme.series(kinds[member.point.kind])
        dashes = (0, (2, 2)) if member.point.noisy else "solid"
        for along, up in ((member.x.ends, (y, y)), ((x, x), member.y.ends)):
            if along[0] != along[1] or up[0] != up[1]:
                drawn.plot(along, up, color=color, linewidth=1, linestyle=dashes, alpha=0.55)
        gid = f"mark{number}"
        face = "none" if member.point.noisy else color
        drawn.plot([x], [y], shape, markersize=_MARK_PX, color=color, markerfacecolor=face, gid=gid)
        titles[gid] = _told(member, axes)
    return titles


def _told(member: Drawn, axes: tuple[Axis, Axis]) -> str:
    x, y = axes
    noisy = " (too noisy to trust)" if member.point.noisy else ""
    name, kind = map(canvas.plain_text, (member.point.name, member.point.kind))
    figures = f"{x.name} {x.told(member.x)}{noisy}, {y.name} {y.told(member.y)}"
    return f"{name}, {kind}: {figures}"


def _names(
    drawn: Axes, members: Sequence[Drawn], places: NDArray[np.float64], on: Sequence[int]
) -> None:
    """Names of the front's points first, then of the others where they are few."""
    size = theme.SMALL_FONT_PX
    texts = [canvas.fitted(member.point.name, _NAME_PX, size) for member in members]
    others = [i for i in range(len(members)) if i not in set(on)]
    order = _once_each([*on, *(others if len(members) <= _ALL_NAMED else [])], texts, places)
    bounds = drawn.get_window_extent()
    placed = labels.place(
        places,
        [canvas.text_width(text, size) for text in texts],
        order,
        np.vstack([_boxes(places), _corners(places[list(on)])]),
        (bounds.x0, bounds.y0, bounds.x1, bounds.y1),
        size,
    )
    back = drawn.transData.inverted()
    for name in placed:
        low = name.y - size * 0.35  # the baseline: capitals are 0.7 of the size high
        x, y = back.transform((name.x, low))
        drawn.text(x, y, texts[name.index], fontsize=size, ha="center", va="baseline")
        if name.led:
            line = back.transform([places[name.index], (name.x, name.y)])
            drawn.plot(line[:, 0], line[:, 1], color=theme.FAINT, linewidth=0.6, zorder=1)


def _once_each(
    order: Sequence[int], texts: Sequence[str], places: NDArray[np.float64]
) -> list[int]:
    """Without those whose neighbour has the same name, such as the other format of a net."""
    kept: list[int] = []
    for index in order:
        namesakes = [i for i in kept if texts[i] == texts[index]]
        if all(np.hypot(*(places[i] - places[index])) > _SAME_PX for i in namesakes):
            kept.append(index)
    return kept


def _boxes(places: NDArray[np.float64]) -> NDArray[np.float64]:
    half = _MARK_PX / 2 + 1
    return np.hstack([places - half, places + half])


def _corners(front_places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes around the pieces of the front's line, along and then up."""
    first, second = front_places[:-1], front_places[1:]
    corner = np.stack([second[:, 0], first[:, 1]], axis=1)
    return np.vstack([np.hstack([first, corner]), np.hstack([corner, second])])
