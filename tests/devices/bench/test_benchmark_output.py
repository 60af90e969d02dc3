"""What benchmark_model prints is read in every version's format, and nothing else is."""

from __future__ import annotations

import pytest

from edgeconv.devices.bench.benchmark_output import read_operators, read_statistics
from tests.helpers.machines import benchmark_program as program

OLD = """STARTING!
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150
count=1 curr=3512391

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150
count=50 first=2990275 curr=2913402 min=2727568 max=3189954 avg=2.95034e+06 std=109798

Inference timings in us: Init: 17187, First inference: 3512391, Warmup (avg): 3.51239e+06, \
Inference (avg): 2.95034e+06
"""
SAME = OLD.replace(OLD.splitlines()[5], "count=3 curr=1000(all same)")
NEW = program.statistics().replace("std=256", "std=256 p5=6500 median=7460 p95=7700")


def test_statistics_are_in_milliseconds():
    found = read_statistics(program.statistics())
    assert (found.runs, found.mean_ms, found.min_ms) == (67, 7.45497, 6.373)
    assert (found.max_ms, found.std_ms, found.median_ms) == (7.775, 0.256, None)
    assert (found.first_ms, found.init_ms) == (8.781, 16.772)


def test_old_versions_print_large_figures_with_exponents():
    found = read_statistics(OLD)
    assert (found.mean_ms, found.std_ms, found.init_ms) == (2950.34, 109.798, 17.187)
    assert found.first_ms == 3512.391


def test_new_versions_tell_the_median():
    assert read_statistics(NEW).median_ms == 7.46


def test_runs_that_all_took_the_same_have_one_figure():
    found = read_statistics(SAME)
    assert (found.runs, found.mean_ms, found.min_ms, found.max_ms) == (3, 1.0, 1.0, 1.0)
    assert found.std_ms == 0


@pytest.mark.parametrize(
    "output",
    [
        "",
        "nonsense\n" * 1000,
        "count=5\n" * 3,
        OLD.replace("count=50", "count=-50"),
        OLD.replace("count=50", "count=0"),
        OLD.replace("avg=2.95034e+06", "avg=nan"),
        OLD.replace("avg=2.95034e+06", "avg=2.95034e+99"),
        OLD.replace("avg=2.95034e+06", "avg=1"),
        OLD.replace("min=2727568 ", ""),
        OLD.replace("Inference timings", "Other timings"),
        OLD.replace("Init: 17187", "Init: soon"),
        OLD + OLD,
        OLD.replace("count=1 curr=3512391\n", ""),
        "count=" + "9" * 1_000_000,
    ],
)
def test_what_is_no_output_of_it_is_no_figure(output):
    with pytest.raises(ValueError, match="statistics"):
        read_statistics(output)


def test_operators_inside_of_a_delegate_stand_for_its_row():
    """A call's mean times the calls of a run; the delegate's own 5 ms would count twice."""
    found = read_operators(program.profile())
    assert [(one.kind, one.name) for one in found] == [
        (kind, name) for kind, _, _, name in program.OPERATORS if "Delegate" not in kind
    ]
    assert [round(one.ms, 6) for one in found] == [0.203, 0.407, 0.663]


def test_a_delegate_that_tells_nothing_of_its_inside_stays():
    rows = program.OPERATORS[:2]
    found = read_operators(program.profile(rows))
    assert [one.kind for one in found] == ["QUANTIZE", "TfLiteXNNPackDelegate"]


def test_columns_are_found_by_their_headers():
    """Old versions have a column of when an operator began, and tell of no calls (0)."""
    old = (
        "Operator-wise Profiling Info for Regular Benchmark Runs:\n"
        "============================== Run Order ==============================\n"
        "\t [node type]\t [start]\t [first]\t [avg ms]\t [%]\t [cdf%]\t [mem KB]\t[times called]"
        "\t[Name]\n"
        "\t     CONV_2D\t   0.066\t  87.754\t   60.957\t 2%\t 2%\t    0.000\t        0\t[a]:0\n\n"
    )
    (found,) = read_operators(old)
    assert (found.kind, found.name, found.ms) == ("CONV_2D", "[a]:0", 60.957)


@pytest.mark.parametrize(
    "output",
    [
        "",
        program.statistics(),
        program.profile(()),
        program.profile().replace("[avg ms]", "[average]"),
        program.profile().replace("0.203", "-0.20"),
        program.profile().replace("0.203", "0.2.3"),
        program.profile().replace("\t       13\t", "\t     many\t"),
        program.profile().split("\t[tfl.quantize]")[0],
    ],
)
def test_what_is_no_profile_of_it_is_refused(output):
    with pytest.raises(ValueError, match=r"profile|table|time"):
        read_operators(output)
