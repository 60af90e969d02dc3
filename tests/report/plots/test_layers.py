"""Figures of a diagnosis: every layer is named, every curve has a lane, texts are legible."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from edgeconv.report import html_page
from edgeconv.report.plots import theme
from edgeconv.report.plots.distribution import Range, Values, figure_of_values
from edgeconv.report.plots.layers import Curve, Layers, figure_of_layers
from tests.helpers.browser import needs_chromium, seen

HOSTILE = "<script>alert(1)</script>$x$\x00\u202e日本語 & " + "block." * 60


def net(count: int) -> Layers:
    names = [HOSTILE + str(i) if i % 9 == 4 else f"features.{i}.conv.1.0" for i in range(count)]
    curves = [
        Curve(
            f"stage {s}",
            s,
            [50 * math.exp(-i / 40) - s if i % 5 != 3 else None for i in range(count)],
        )
        for s in range(4)
    ]
    return Layers(names, curves, "dB", marked=count // 2)


def layers(count: int) -> str:
    return figure_of_layers("after", "Error", "SQNR", net(count))


def values(*, spread: float = 1.0) -> str:
    edges = [spread * (i / 10 - 3) for i in range(61)]
    counts = [1e6 * math.exp(-((i - 30) ** 2) / 20) for i in range(60)]
    ranges = [Range("grid of int8.onnx", -9 * spread, 8 * spread), Range(HOSTILE, -spread, spread)]
    return figure_of_values("values", "Values", Values(edges, counts, ranges, [3.0, 1.0, 2.0]))


@pytest.mark.parametrize("count", [1, 60, 61, 150])
def test_every_layer_has_a_row_that_is_named_and_tells_its_figures(count: int) -> None:
    document = layers(count)
    titles = re.findall(r"<title>(.*?)</title>", document)
    assert len(titles) == count
    assert sum("not measured" in title for title in titles) == len(range(3, count, 5))
    rows = re.findall(r">(features\.\d+\.conv\.1\.0|[^<>]*…[^<>]*)</text>", document)
    assert len(rows) == count


def test_curves_of_equal_values_do_not_lie_on_each_other() -> None:
    curves = [Curve("a", 0, [5.0, 6.0]), Curve("b", 1, [5.0, 6.0])]
    document = figure_of_layers("x", "t", "d", Layers(["one", "two"], curves, "dB"))
    places = re.findall(r'<use x="([\d.]+)" y="([\d.]+)" style="fill: var', document)
    assert len(places) == len(set(places)) == 4


def test_what_was_not_measured_has_no_figure() -> None:
    empty = Layers(["one"], [Curve("a", 0, [None]), Curve("b", 1, [math.inf])], "dB")
    assert figure_of_layers("x", "t", "d", empty) == ""
    assert figure_of_values("x", "t", Values((), (), (), ())) == ""


@pytest.mark.parametrize("spread", [1e-30, 1.0, 1e30])
def test_values_of_any_magnitude_are_drawn(spread: float) -> None:
    assert values(spread=spread).count("<svg") == 2


def test_hostile_names_are_text() -> None:
    document = layers(20) + values()
    assert "<script" not in document
    assert "\x00" not in document
    assert "\u202e" not in document


@needs_chromium
@pytest.mark.parametrize(("count", "width"), [(1, 400), (61, 400), (61, 1400), (130, 800)])
def test_no_text_lies_on_another(count: int, width: int, tmp_path: Path) -> None:
    document = html_page.page("Page", [layers(count), values()], theme.STYLE)
    told = seen(document, width, tmp_path)
    assert told["found"] == []
    assert told["texts"] >= count + 12  # type: ignore[operator]
