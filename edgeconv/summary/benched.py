"""What a document of `bench` tells of files."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from edgeconv.summary.measured import OfFile
from edgeconv.summary.row import Latency, ModelFile, Operator, Source
from edgeconv.summary.told import at, format_of, listed, number, text, versions, whole
from edgeconv.verify.tasks.figures import Estimate

_MOST = 10_000
_MOST_OPERATORS = 12


def measured(document: dict[str, Any], source: Source) -> Iterator[OfFile]:
    """Each file of a document that `bench --json` wrote, on each number of threads."""
    device, emulated = text(document, "device"), at(document, "emulated") is True
    host = ", ".join(
        filter(None, (text(document, "host", "cpu"), text(document, "host", "system")))
    )
    source = replace(source, versions=versions(document, "host", "versions"), device=host)
    for told in listed(document, "results")[:_MOST]:
        name = text(told, "artifact", "name")
        operators = _operators(at(document, "profiles", name))
        latency = _latency(told, emulated, operators)
        file = ModelFile(
            sha256=text(told, "artifact", "sha256"),
            net="",
            name=name.removeprefix("model."),
            size_bytes=whole(told, "artifact", "size_bytes"),
            format=format_of(name),
        )
        if latency is not None:
            engine = text(told, "engine")
            yield OfFile(file.sha256, source, device, engine, file=file, latency=latency)


def _latency(told: Any, emulated: bool, operators: tuple[Operator, ...]) -> Latency | None:
    latency, threads = at(told, "latency"), whole(told, "threads")
    p50 = number(latency, "p50_ms")
    instructions = whole(told, "instructions")
    if threads is None or (p50 is None and instructions is None):
        return None
    verdict = text(told, "verdict") or text(latency, "verdict")
    return Latency(
        p50_ms=None
        if emulated or p50 is None
        else Estimate(p50, number(latency, "low_ms"), number(latency, "high_ms")),
        is_noisy=verdict == "too noisy",
        verdict=verdict,
        medians_ms=() if emulated else tuple(_medians(told)),
        instructions=instructions,
        memory_mib=number(told, "model_rss_mib"),
        threads=threads,
        batch=whole(told, "batch") or 1,
        operators=operators,
    )


def _medians(told: Any) -> Iterator[float]:
    for process in listed(told, "processes")[:100]:
        samples = [s for s in listed(process, "timing", "samples_ns") if type(s) is int and s > 0]
        if samples:
            yield statistics.median(samples) / 1e6


def _operators(profile: Any) -> tuple[Operator, ...]:
    told = [
        Operator(text(one, "name"), text(one, "kind"), ms)
        for one in listed(profile, "operators")[:_MOST]
        if (ms := number(one, "ms")) is not None
    ]
    return tuple(sorted(told, key=lambda one: -one.ms)[:_MOST_OPERATORS])
