"""Nets are chosen by what is published of them, and sorted by it."""

from __future__ import annotations

import math

import pytest

from edgeconv.errors import UnknownName, UsageError
from edgeconv.nets.registry import NETS
from edgeconv.nets.selection import ORDERS, Selection


def _names(selection: Selection) -> list[str]:
    return [net.name for net in selection.of(NETS.values())]


def test_nothing_asked_gives_all_in_their_order() -> None:
    assert _names(Selection()) == list(NETS)


def test_bounds_are_those_of_the_published_figures() -> None:
    chosen = _names(Selection(max_params=4, max_macs=301, min_top1=72))
    # torchvision's and the papers' tables: 3.5 M and 301 M multiply-adds at 72.15 %, and so on
    assert chosen == [
        "mobilenet_v2",
        "mobilenet_v3_large_minimalistic",
        "shufflenet_v2_x1_5",
    ]


def test_a_net_without_the_figure_is_below_every_bound_and_sorted_last() -> None:
    assert "lraspp_mobilenet_v3_large" not in _names(Selection(min_top1=0.1))
    assert _names(Selection(order="top1"))[-1] in _names(Selection(task="detection"))


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_goes_one_way(order: str) -> None:
    keys = [ORDERS[order](net) for net in Selection(order=order).of(NETS.values())]
    assert keys == sorted(keys)  # type: ignore[type-var]
    assert len(keys) == len(NETS)


def test_the_most_accurate_comes_first() -> None:
    first = Selection(order="top1").of(NETS.values())[0]
    assert first.facts.top1 == max(net.facts.top1 or 0 for net in NETS.values())


def test_a_family_holds_relatives_alone() -> None:
    assert {NETS[name].family for name in _names(Selection(family="mobilenet"))} == {"mobilenet"}


@pytest.mark.parametrize("asked", [Selection(family="mobilnet"), Selection(task="poetry")])
def test_a_wrong_word_says_what_there_is(asked: Selection) -> None:
    with pytest.raises(UnknownName, match="There are: "):
        asked.of(NETS.values())


@pytest.mark.parametrize("bound", [-1.0, math.nan, math.inf])
def test_a_bound_that_is_none(bound: float) -> None:
    with pytest.raises(UsageError, match=r"--max-macs .* is no bound"):
        Selection(max_macs=bound).of(NETS.values())
