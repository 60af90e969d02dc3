"""The numbers beside an axis tell what their ticks are."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.ticker import MaxNLocator

from edgeconv.report.plots.ticks import Plain


@pytest.mark.parametrize("low", [0.0, 1.0, -3.0, 1000.0, 123456.0])
@pytest.mark.parametrize("span", [1e-6, 0.003, 1.7, 4000.0])
def test_a_number_lies_where_its_tick_does(low: float, span: float) -> None:
    ticks = MaxNLocator(5).tick_values(low, low + span)
    told = [float(text) for text in Plain().format_ticks(ticks)]
    assert told == pytest.approx(ticks, abs=0.01 * np.diff(ticks).min())


def test_numbers_are_no_longer_than_they_need_be() -> None:
    assert Plain().format_ticks([0.1 * i for i in range(4)]) == ["0", "0.1", "0.2", "0.3"]
    assert Plain().format_ticks([1000, 1000.5, 1001]) == ["1000", "1000.5", "1001"]
    assert Plain().format_ticks([5.0]) == ["5"]
    assert Plain().format_ticks([]) == []
