"""The same file on several devices."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.summary.page import render
from edgeconv.summary.photos import Photos
from edgeconv.summary.row import Collection
from edgeconv.summary.side_by_side import side_by_side
from tests.summary.made import accuracy, latency, row


def test_a_file_is_one_line_with_each_devices_own_figures() -> None:
    emulated = replace(latency(1, 1, 1), p50_ms=None, instructions=2_200_000)
    found = side_by_side(
        [
            row("a", "local", latency=latency(1, 2, 3), accuracy=accuracy(0, 0)),
            row("a", "pi", latency=latency(4, 5, 6, noisy=True), accuracy=accuracy(0, 0)),
            row("b", "pi", latency=latency(7, 8, 9)),
            row("b", "qemu", latency=emulated),
        ]
    )
    assert found.devices == ("local", "pi", "qemu")
    texts = [[cell.text for cell in line.cells] for line in found.lines]
    assert texts == [["2.00 ms", "~5.00 ms", "-"], ["-", "8.00 ms", "2.2 M instructions"]]
    local, pi, _ = found.lines[0].cells
    assert local.also == ("1.94 to 2.06", "top-1 70.0 %")
    assert pi.also == ("4.85 to 5.15", "too noisy"), "accuracy is local's"


def test_runs_of_other_threads_or_engines_are_no_one_line() -> None:
    rows = [
        row("a", "local", latency=latency(1, 2, 3)),
        row("a", "pi", latency=latency(4, 5, 6, threads=4)),
        row("a", "phone", latency=latency(4, 5, 6), engine="other"),
        row("a", "board"),
    ]
    assert side_by_side(rows).lines == ()
    assert "side by side" not in render(Collection(tuple(rows)), Photos(None))


def test_the_page_shows_it() -> None:
    rows = tuple(row("a", device, latency=latency(1, 2, 3)) for device in ("here", "<i>pi"))
    page = render(Collection(rows), Photos(None))
    assert page.count("2.00 ms") == 2
    assert "&lt;i&gt;pi</th>" in page
