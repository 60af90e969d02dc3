"""A figure on a page: what it shows in words, its panels, its legend, its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edgeconv.report import html_page
from edgeconv.report.tables import Table
from edgeconv.runtime.plain import plain


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure.

    Attributes:
        title: over it, such as the device; empty for none.
        svg: the drawing, an <svg> element.
        note: below it, such as what lies on the front; empty for none.
    """

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class Key:
    """One line of a legend: a sign in a colour of the theme's, and what it means."""

    sign: str
    color: str
    meaning: str


def page_figure(
    title: str, description: str, panels: Sequence[Panel], legend: Sequence[Key], numbers: Table
) -> str:
    """The <figure>; every text is escaped here."""
    return (
        f'<figure class="plot"><figcaption><strong>{_shown(title)}</strong>{_shown(description)}'
        f"</figcaption>{_legend(legend)}"
        f'<div class="plot-panels">{"".join(map(_panel, panels))}</div>'
        f"<details><summary>{_shown(title)}: the numbers</summary>"
        f"{html_page.table(numbers)}</details></figure>"
    )


def _legend(legend: Sequence[Key]) -> str:
    if not legend:
        return ""
    keys = (
        f'<li><span aria-hidden="true" style="color:{key.color}">{escape(key.sign)}</span> '
        f"{_shown(key.meaning)}</li>"
        for key in legend
    )
    return f'<ul class="plot-legend">{"".join(keys)}</ul>'


def _panel(panel: Panel) -> str:
    title = f"<p><b>{_shown(panel.title)}</b></p>" if panel.title else ""
    note = f"<p>{_shown(panel.note)}</p>" if panel.note else ""
    return f'<div class="plot-panel">{title}{panel.svg}{note}</div>'


def _shown(words: str) -> str:
    return escape(plain(words))
