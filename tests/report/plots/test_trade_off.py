"""Accuracy against another figure: what is drawn, what lies on the front, legible names."""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edgeconv.report import html_page
from edgeconv.report.plots import labels, theme
from edgeconv.report.plots.points import Axis, Measured, Point, front
from edgeconv.report.plots.trade_off import trade_off
from tests.helpers.browser import needs_chromium, seen

X, Y = Axis("p50 latency", "ms", is_less_better=True), Axis("top-1", "%", is_less_better=False)
HOSTILE = (
    "</title><script>alert('x')</script>$x^2$\u202e\x00\x1b[31m日本語 & \"quoted\" " + "long" * 90
)


def many(count: int, seed: int = 0) -> list[Point]:
    rng = random.Random(seed)
    points = []
    for i in range(count):
        x, y = rng.lognormvariate(3, 1), rng.uniform(55, 80)
        name = f"{i} {HOSTILE}" if i % 7 == 0 else f"net_{i}_w{i % 4}"
        kind = ("int8 tflite", "int8 onnx", "float onnx")[i % 3]
        interval = Measured(x, x * 0.9, x * 1.1)
        points.append(
            Point(name, f"board {i % 2}", kind, interval, Measured(y, y - 1, y + 1), i == 3)
        )
    return points


def drawn(points: list[Point]) -> str:
    return trade_off("latency", "Accuracy against latency", points, X, Y)


def page(points: list[Point]) -> str:
    return html_page.page("Page", [drawn(points)], theme.STYLE)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_front_is_what_nothing_beats(sign: int) -> None:
    """Of accuracies, where more is better, and of errors, where less is."""
    y = Axis("y", "", is_less_better=sign < 0)
    for seed in range(50):
        rng = random.Random(seed)
        points = [(float(rng.randrange(8)), float(rng.randrange(8))) for _ in range(20)]
        beaten = {
            i
            for (i, a), (_, b) in itertools.product(enumerate(points), repeat=2)
            if b[0] <= a[0] and sign * b[1] >= sign * a[1] and a != b
        }
        assert set(front(points, (X, y))) == set(range(20)) - beaten


def test_an_error_says_that_less_is_better() -> None:
    y = Axis("mean distance", "pixels", is_less_better=True)
    assert "down and left is better" in trade_off("e", "Error against latency", many(3), X, y)


def test_every_point_has_a_mark_that_tells_its_figures() -> None:
    titles = re.findall(r"<title>(.*?)</title>", drawn(many(60)), re.DOTALL)
    assert len(titles) == 60
    assert any(title.startswith("net_3_w3, int8 tflite: p50 latency") for title in titles)
    assert sum("too noisy to trust" in title for title in titles) == 1


def test_a_point_without_a_figure_is_counted_and_not_drawn() -> None:
    points = [*many(2), Point("unmeasured", "board 0", "int8", None, Measured(70))]
    points += [Point("nan", "board 0", "int8", Measured(float("nan")), Measured(70))]
    text = drawn(points)
    assert "Not drawn, for want of one of the two figures: 2." in text
    assert "unmeasured" not in text


def test_without_points_there_is_no_figure() -> None:
    assert drawn([]) == ""


def test_the_same_points_give_the_same_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    settings = "font.size: 30\nsvg.fonttype: path\naxes.facecolor: red\naxes.formatter.limits: 0, 1"
    (tmp_path / "matplotlibrc").write_text(settings)
    code = "from tests.report.plots.test_trade_off import drawn, many; print(drawn(many(30)))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.rstrip() == drawn(many(30))
    assert run.stderr == ""


def test_two_figures_share_no_id() -> None:
    both = drawn(many(9)) + trade_off("size", "Accuracy against size", many(9), X, Y)
    ids = re.findall(r' id="([^"]*)"', both)
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'href="#([^"]*)"', both)) <= set(ids)


def test_hostile_names_are_text() -> None:
    text = drawn(many(9))
    assert "<script" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(svg)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_axes_hold_any_magnitude(scale: float) -> None:
    points = [
        Point(f"n{i}", "here", "int8", Measured(scale * 10**i), Measured(1.0)) for i in range(5)
    ]
    assert drawn(points).count("<title>") == 5


@needs_chromium
@pytest.mark.parametrize(
    ("count", "width"), [(1, 400), (2, 800), (60, 400), (60, 1400), (500, 800)]
)
def test_no_text_lies_on_another(count: int, width: int, tmp_path: Path) -> None:
    told = seen(page(many(count)), width, tmp_path)
    assert told["found"] == []
    assert told["texts"] > 8  # type: ignore[operator]
    assert (told["width"], told["scripts"]) == (width, 1)


@needs_chromium
@pytest.mark.parametrize("font", ["monospace", "serif"])
def test_no_text_lies_on_another_in_other_fonts(font: str, tmp_path: Path) -> None:
    assert seen(page(many(60)), 800, tmp_path, font)["found"] == []


def test_marks_at_one_place_stand_beside_each_other() -> None:
    rng = np.random.default_rng(0)
    exact = np.vstack([np.full((12, 2), 50.0), rng.uniform(0, 400, (20, 2))])
    stand = labels.apart(exact, 7)
    crowd = stand[:12]
    gaps = np.abs(crowd[:, None] - crowd[None]).max(axis=-1)[~np.eye(12, dtype=bool)]
    assert gaps.min() >= 7
    assert np.abs(stand - exact).max() <= 3 * 7


@pytest.mark.parametrize("value", [1e-300, 1e300, float("inf"), -5.0, 0.0])
def test_figures_that_no_axis_holds_are_left_out(value: float) -> None:
    document = drawn([*many(3), Point("odd", "board 0", "int8", Measured(value), Measured(50.0))])
    assert document.count("<title>") in (3, 4)


def test_a_net_whose_files_are_at_one_place_is_named_once() -> None:
    pair = [Point("twin", "", kind, Measured(5.0), Measured(50.0)) for kind in ("onnx", "tflite")]
    assert drawn([*pair, *many(2)]).count(">twin</text>") == 1


def test_kinds_are_told_apart_by_shape_and_not_by_colour_alone() -> None:
    looks = [theme.series(number) for number in range(40)]
    assert len({shape for _, shape in looks[:8]}) == 8
    assert len(set(looks)) == 40


@needs_chromium
def test_figures_that_hardly_differ_have_legible_axes(tmp_path: Path) -> None:
    points = [
        Point(f"n{i}", "here", "int8", Measured(1000 + i / 1e3), Measured(70 + i / 1e4))
        for i in range(5)
    ]
    document = page(points)
    ticks = re.findall(r">(\d[\d.]*)</text>", document)
    assert len(ticks) == len(set(ticks)) > 5
    assert seen(document, 400, tmp_path)["found"] == []
