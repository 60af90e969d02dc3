"""How often is a bound on a task's loss promised that does not hold?

    python benchmarks/task_promises.py [--sets N]

Populations of photos are made up whose loss is known; of each, sets are drawn, and a bound just
below that loss is judged on each set by `edgeconv.verify.tasks.drops`. Every promise is then false.
With 95 % confidence at most one set of twenty should give one; a row for each population and
number of photos shows how many did. Exits 1 where more did than 7.5 % and chance allow.

    alike         every photo loses some, as rounding does
    few lose all  one photo in fifty or twenty loses everything, the others nothing
    long tail     losses of photos are log-normal: some lose ten times what most do
    rare class    mean IoU of four classes, one of them on one photo in fifteen and lost there often
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from edgeconv.report.tables import Column, Table, Told, show
from edgeconv.verify.tasks.drops import Loss, loss_of_sums, shown
from edgeconv.verify.tasks.segmentation import mean_iou_lost

Draw = Callable[[np.random.Generator, int], Loss]
#: Photos that the true loss is told from.
_MANY = 400_000
_MOST = 0.075


def _of_means(draw: Callable[[np.random.Generator, int], NDArray[np.float64]]) -> Draw:
    def made(random: np.random.Generator, photos: int) -> Loss:
        lost = np.stack([draw(random, photos), np.ones(photos)], axis=1)
        nothing = lost * [0, 1]
        return loss_of_sums(
            of="", unit="points", worse=lambda s: s[:, 0] / s[:, 1], sums=lost, exact=nothing
        )

    return made


def _rare_class(random: np.random.Generator, photos: int) -> Loss:
    """Sums as segmentation keeps them: intersections, unions, and three more."""
    sums = [_of_classes(random, photos) for _ in range(2)]
    exact, own = np.zeros((2, photos, 11))
    for held, (truth, hit) in zip((exact, own), sums, strict=True):
        held[:, :4], held[:, 4:8] = sums[0][0] * hit, sums[0][0] * (2 - hit)
        held[:, 8:] = truth.sum(axis=1, keepdims=True)
    own[:, 3] *= random.random(photos) > 0.4  # int8 misses the rare class altogether
    own[:, 7] = np.where(own[:, 3] == 0, sums[0][0][:, 3], own[:, 7])
    return loss_of_sums(of="", unit="points", worse=mean_iou_lost, sums=own, exact=exact)


def _of_classes(
    random: np.random.Generator, photos: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of each class on each photo, and the share of them that is found."""
    truth = random.gamma(1.0, 400.0, (photos, 4))
    truth[:, 3] *= random.random(photos) < 1 / 15
    return truth, random.uniform(0.7, 0.95, (photos, 4))


POPULATIONS: dict[str, Draw] = {
    "alike": _of_means(lambda random, n: random.normal(2, 3, n)),
    "few lose all, 2 %": _of_means(lambda random, n: 100.0 * (random.random(n) < 0.02)),
    "few lose all, 5 %": _of_means(lambda random, n: 100.0 * (random.random(n) < 0.05)),
    "long tail": _of_means(lambda random, n: random.lognormal(0, 1.2, n)),
    "rare class": _rare_class,
}


def false_promises(draw: Draw, photos: int, sets: int) -> tuple[int, float]:
    """How many sets promise a bound that the population just misses, and its true loss."""
    random = np.random.default_rng(0)
    true = float(draw(random, _MANY).of_weights(np.ones((1, _MANY)))[0])
    return sum(shown(draw(random, photos), 0.999 * true).shown for _ in range(sets)), true


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=400)
    sets = parser.parse_args().sets
    rows = []
    for name, draw in POPULATIONS.items():
        for photos in (160, 300, 600):
            promised, true = false_promises(draw, photos, sets)
            rows.append((name, photos, true, promised / sets, promised))
    told: Told[tuple[str, int, float, float, int]] = [
        (Column("population"), lambda row: row[0]),
        (Column("photos", "number", 0), lambda row: row[1]),
        (Column("true loss, points", "number", 2), lambda row: row[2]),
        (Column("false promises", "percent", 1), lambda row: row[3]),
    ]
    show(Table.of(rows, told, notes=[f"of {sets} sets each; at most 5 % are meant to be"]))
    return int(any(stats.binom.sf(row[4] - 1, sets, _MOST) < 0.01 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
