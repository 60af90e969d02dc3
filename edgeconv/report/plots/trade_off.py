"""One figure against another, such as accuracy against latency, a panel for each device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgeconv.report.plots import theme
from edgeconv.report.plots.page_figure import Key, page_figure
from edgeconv.report.plots.points import Axis, Drawn, Point, drawn_of
from edgeconv.report.plots.scatter import panel
from edgeconv.report.tables import Column, Table


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
    whole = drawn_of(points)
    if not whole:
        return ""
    kinds = {kind: i for i, kind in enumerate(sorted({w.point.kind for w in whole}))}
    panels = []
    for number, title_of in enumerate(dict.fromkeys(w.point.panel for w in whole)):
        members = [w for w in whole if w.point.panel == title_of]
        panels.append(panel(f"{name}-{number}", members, whole, kinds, (x, y)))
    description = _description(x, y, len(points) - len(whole))
    return page_figure(title, description, panels, _legend(kinds, whole), _numbers(whole, x, y))


def _description(x: Axis, y: Axis, absent: int) -> str:
    up, left = ("down" if y.is_less_better else "up"), ("left" if x.is_less_better else "right")
    better = f"{up} and {left}"
    said = (
        f"{y.name} against {x.name}; {better} is better. Bars are the intervals. The line is "
        "the Pareto front by the point estimates: no other point is as good in both and better in "
        "one; within the intervals its neighbours may belong there too. Marks that would "
        "hide each other stand side by side. Names without room are left to the marks' own titles "
        "and to the table."
    )
    return f"{said} Not drawn, for want of one of the two figures: {absent}." if absent else said


def _legend(kinds: Mapping[str, int], whole: Sequence[Drawn]) -> list[Key]:
    keys = []
    for kind, number in kinds.items():
        color, (_, sign, _) = theme.series(number)
        keys.append(Key(sign, theme.VARIABLES[color], kind))
    if any(w.point.noisy for w in whole):
        keys.append(Key("○□", "currentColor", "hollow, dashed: too noisy to trust"))
    keys.append(Key("—", theme.VARIABLES[theme.FRONT], "Pareto front"))
    return keys


def _numbers(whole: Sequence[Drawn], x: Axis, y: Axis) -> Table:
    columns = (Column("name"), Column("on"), Column("kind"), Column(str(x)), Column(str(y)))
    rows = [
        (
            w.point.name,
            w.point.panel,
            w.point.kind,
            x.told(w.x) + (", noisy" if w.point.noisy else ""),
            y.told(w.y),
        )
        for w in whole
    ]
    return Table(columns, rows)
