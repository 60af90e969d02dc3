"""Colours of figures stand out from the page, in light and in dark."""

from __future__ import annotations

import re

import pytest

from edgeconv.report.plots import theme


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("block", "page"), [(0, "#ffffff"), (1, "#16181c"), (2, "#16181c")])
def test_marks_stand_out(block: int, page: str) -> None:
    """By 3 to 1, as WCAG 2.2 asks of graphics (1.4.11)."""
    blocks = re.findall(r":root[^{]*\{\s*(--plot[^}]*)\}", theme.STYLE)
    assert len(blocks) == 3
    colors = dict(re.findall(r"--plot-(\w+): (#[0-9a-f]{6});", blocks[block]))
    assert len(colors) == len(theme.SERIES) + 4
    told = {name: contrast(color, page) for name, color in colors.items() if name != "grid"}
    assert min(told.values()) >= 3, told
