"""Two right int8 files pass however their engines round; one far further from float fails."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgeconv.runtime.metrics import Figures, compare
from edgeconv.verify.parity.against_reference import PAIR
from edgeconv.verify.parity.pair import enlarged, further, pair_bound
from edgeconv.verify.thresholds import DEFAULTS
from tests.cases._net import Of
from tests.cases.nets import slopes
from tests.helpers.small_export import small_export

DRAWN = np.random.default_rng(0).standard_normal((3, 8, 100)).astype(np.float32)
REFERENCE = DRAWN[0]


def off(db: float, which: int = 1) -> np.ndarray:
    """The reference with noise this far below it."""
    return np.asarray(REFERENCE + DRAWN[which] * np.float32(10 ** (-db / 20)))


def figures(a: np.ndarray, b: np.ndarray) -> Figures:
    return compare(a, b)


def judged(one: np.ndarray, other: np.ndarray, floor_db: float = 80) -> bool:
    floor = figures(REFERENCE, off(floor_db))
    bound = pair_bound(DEFAULTS, floor, figures(REFERENCE, one), figures(REFERENCE, other))
    return bound.met_by(figures(one, other))


@pytest.mark.parametrize("db", [15, 30, 45])
def test_files_equally_far_from_float_pass_whatever_their_rounding(db):
    assert judged(off(db), off(db, 2))
    assert judged(off(db), 2 * REFERENCE - off(db))  # as far apart as two such can be


@pytest.mark.parametrize("db", [20, 30])
def test_a_file_three_times_as_far_from_float_fails(db):
    assert not judged(off(db), off(db - 9.6, 2))
    assert not judged(off(db - 9.6, 2), off(db))


def test_what_one_file_makes_on_two_sets_of_kernels_is_allowed():
    assert judged(off(40), off(28, 2), floor_db=27)
    assert not judged(off(40), off(28, 2), floor_db=60)


def test_equal_files_pass_even_where_float_has_no_error():
    assert judged(REFERENCE, REFERENCE)


def test_the_further_file_is_named_where_it_is_clearly_further():
    near, far = figures(REFERENCE, off(30)), figures(REFERENCE, off(20))
    assert further(near, far, ("a", "b")).startswith("b is further from float: 20")
    assert further(far, near, ("a", "b")).startswith("a is further")
    assert "further" not in further(near, near, ("a", "b"))


def _stem(channels=8):
    return nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1), nn.ReLU())


def two_flattens():
    return Of(
        lambda s, x: s.fc(
            torch.cat(
                [
                    F.adaptive_avg_pool2d(s.a(x), (6, 8)).flatten(1),
                    s.b(F.relu(s.a(x))).mean((2, 3)),
                ],
                -1,
            )
        ),
        a=nn.Conv2d(3, 6, 3, 2, 1),
        b=nn.Conv2d(6, 4, 3, 2, 1),
        fc=nn.Linear(6 * 48 + 4, 10),
    )


def slopes_before_a_linear():
    return Of(
        lambda s, x: s.fc(s.q(s.b(s.p(s.a(x)))).flatten(1)),
        a=nn.Conv2d(3, 8, 4, 4),
        p=slopes(-1.5, 2.0, 8),
        b=nn.Conv2d(8, 8, 3, 1, 1),
        q=nn.PReLU(1, -0.3),
        fc=nn.Linear(8 * 6 * 8, 7),
    )


def one_pixel():
    return Of(
        lambda s, x: (
            s.b(F.interpolate(s.a(x), size=(1, 1), mode="bilinear")).flatten(1),
            s.b(F.interpolate(s.a(x), size=(1, 6), mode="bilinear")),
        ),
        a=nn.Conv2d(3, 8, 3, 2, 1),
        b=nn.Conv2d(8, 5, 1),
    )


def rsqrt_of_mean():
    return Of(
        lambda s, x: (y := s.c(x)) * torch.rsqrt(y.pow(2).mean(1, keepdim=True) + 1e-5), c=_stem()
    )


def super_resolution():
    """FSRCNN's shape: PReLUs between convolutions, a transposed convolution at the end."""
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 5, 1, 2), nn.PReLU(16)),
        *(nn.Conv2d(16, 6, 1), nn.PReLU(6)),
        *(nn.Conv2d(6, 6, 3, 1, 1), nn.PReLU(6), nn.Conv2d(6, 6, 3, 1, 1), nn.PReLU(6)),
        *(nn.Conv2d(6, 16, 1), nn.PReLU(16)),
        nn.ConvTranspose2d(16, 3, 4, 2, 1),
    )


@pytest.mark.parametrize(
    "net", [two_flattens, slopes_before_a_linear, one_pixel, rsqrt_of_mean, super_resolution]
)
def test_small_nets_whose_rounding_spreads_pass(net, tmp_path):
    torch.manual_seed(1)
    report = small_export(net().eval(), (24, 32), tmp_path).check()
    assert report.passed, report.failed
    (pair,) = (stage for stage in report.stages if stage.name == PAIR)
    assert all(pair.met)


def test_outputs_that_rounding_alone_decides_are_named() -> None:
    floors = [figures(REFERENCE, off(5)), figures(REFERENCE, off(25))]
    assert enlarged(("boxes", "scores"), floors, 10.0).startswith("boxes: ")
    assert enlarged(("scores",), floors[1:], 10.0) == ""
