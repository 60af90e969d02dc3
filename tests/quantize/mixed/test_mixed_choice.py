"""Which of the ranked sets is chosen: by the noise that it leaves, not by the luck of one run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.quantize.mixed import choice as mixed
from edgeconv.quantize.mixed.predicted_drop import predict_drop
from edgeconv.quantize.mixed.switches import Switch

ROUNDINGS, CLASSES, PHOTOS = 24, 20, 64
SETS = [frozenset(f"n{i}" for i in range(size)) for size in range(1, ROUNDINGS)]
LEVELS = [1 - len(kept) / ROUNDINGS for kept in SETS]


class Rolled:
    """A net each of whose roundings adds the same energy to the logits, drawn anew in every run."""

    def __init__(self, seed: int, free: int = 0) -> None:
        self._switches = [
            Switch("activation", (f"t{i}",), frozenset({f"n{i}"})) for i in range(ROUNDINGS)
        ]
        self._exact = 2.0 * np.random.default_rng(0).standard_normal((PHOTOS, CLASSES))
        self.runs = 0
        self._rng = np.random.default_rng(seed + 1)
        self._free = free

    def exact(self) -> NDArray[np.float32]:
        """As `_Seen.exact`: a run like any other."""
        return self.logits(lambda _switch: False)

    def logits(self, kept: Callable[[Switch], bool]) -> NDArray[np.float32]:
        """As `_Seen.logits`; the first `free` roundings that go take nothing away."""
        self.runs += 1
        on = sum(map(kept, self._switches))
        share = min(on + self._free, ROUNDINGS) / ROUNDINGS if on else 0.0
        noise = self._rng.standard_normal(self._exact.shape)
        return (self._exact + 0.25 * np.sqrt(share) * noise).astype(np.float32)


def chosen(net: Rolled, bound: float) -> int:
    """How many nodes stay in float."""
    judge = mixed._Judge(net)  # type: ignore[arg-type]  # all that is asked of a net
    return len(mixed._fewest(SETS, LEVELS, judge, bound)[0])


def wanted(bound: float) -> int:
    """The same by thirty runs of each set."""
    net = Rolled(999)
    for kept in SETS:
        runs = [net.logits(lambda s, kept=kept: not s.nodes <= kept) for _ in range(30)]
        if predict_drop(net.exact(), *runs).at_most_points <= bound:
            return len(kept)
    return len(SETS)


@pytest.mark.parametrize("bound", [0.5, 0.8])
def test_the_set_that_many_runs_call_for_is_chosen(bound: float) -> None:
    right = wanted(bound)
    assert 2 < right < len(SETS) - 2
    found = [chosen(Rolled(seed), bound) for seed in range(16)]
    assert abs(np.mean(found) - right) <= 2
    assert np.std(found) <= 1.5


def test_a_choice_takes_few_runs() -> None:
    net = Rolled(3)
    chosen(net, 0.5)
    assert net.runs <= 2 + mixed.MOST_RUN


def test_where_noises_do_not_add_up_what_was_measured_counts() -> None:
    """Half of the roundings go before the noise does."""
    found = [chosen(Rolled(seed, free=ROUNDINGS // 2), 0.5) for seed in range(8)]
    honest = [chosen(Rolled(seed), 0.5) for seed in range(8)]
    assert min(found) > max(honest)
