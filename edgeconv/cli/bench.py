"""edgeconv bench: latency and memory one can repeat."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli import bench_config, bench_targets
from edgeconv.cli.bundles import given_or_here
from edgeconv.cli.options import complete, device, output
from edgeconv.cli.options.bench import Files, Measuring, Output
from edgeconv.cli.options.device import DEVICE, Way
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.shown.latency import bench_tables
from edgeconv.errors import UsageError
from edgeconv.report.console import say
from edgeconv.report.markdown import write_markdown
from edgeconv.report.tables import show_all

if TYPE_CHECKING:
    from edgeconv.devices.bench.config import BenchConfig
    from edgeconv.devices.bench.report import BenchReport
    from edgeconv.devices.profile.model import Profile


@gathered
def bench(
    *,
    targets: list[str] | None = typer.Argument(
        None,
        metavar="NET|BUNDLE|FILE ...",
        help="Bundles, names of nets exported here, or .onnx and .tflite files; for torch alone "
        "also path/to/net.py:factory.",
        show_default="the bundles in this directory",
        autocompletion=complete.bundle_or_file,
    ),
    measuring: Measuring,
    which: Files,
    device: str = DEVICE,
    way: Way,
    to: Output,
) -> None:
    """Latency with percentiles and intervals, load time and peak memory, of every file given.

    Each file runs in several fresh processes. Those of several targets take turns, so that whatever
    the machine does falls on all of them alike; from 8 processes on, `edgeconv compare` compares
    them in pairs.
    """
    from edgeconv.disk import check_writable, write_whole
    from edgeconv.report import jsondoc

    check_writable(to.json_file)
    check_writable(to.markdown)
    if which.out is not None and not targets:
        raise UsageError("--out goes with one NET")
    targets = given_or_here(targets or ())
    chosen = _device(device, way, to)
    config = bench_config.config(measuring, chosen, len(targets))
    with bench_targets.files(targets, which, chosen) as paths:
        report = _measure(chosen, paths, config, profiled=to.profile)
        try:
            if to.json_file is not None:
                write_whole(to.json_file, jsondoc.dumps(report).encode())
            if to.markdown is not None:
                write_markdown(to.markdown, f"Bench on {report.device}", bench_tables(report))
            if to.model_explorer is not None:
                _write_overlays(to.model_explorer, paths, report)
        finally:  # what was measured is shown all the same
            output.show(report, lambda: show_all(bench_tables(report)), as_json=to.as_json)


def _device(name: str, way: Way, to: Output) -> Profile:
    chosen = device.profile(name, way, gpu=True)
    if to.benchmark_model is None:
        return chosen
    return replace(chosen, benchmark_model=to.benchmark_model)


def _measure(
    chosen: Profile, paths: dict[str, Path], config: BenchConfig, *, profiled: bool
) -> BenchReport:
    from edgeconv.devices.bench import benchmark_model
    from edgeconv.devices.transport.open import open_device

    if chosen.benchmark_model is None:
        return _by_agent(chosen, paths, config, profiled)
    benchmark_model.check_possible(chosen, paths)
    report = _by_agent(chosen, paths, config, profiled)
    say(f"{chosen.name}: run benchmark_model", err=True)
    with open_device(chosen) as transport:
        found = benchmark_model.benchmark(
            transport, chosen.benchmark_model, paths, config, profiled=profiled
        )
    return replace(report, benchmark_model=found)


def _write_overlays(folder: Path, paths: dict[str, Path], report: BenchReport) -> None:
    """What the operators of each .tflite file take."""
    from edgeconv.report import model_explorer
    from edgeconv.verify.inspect.timed import timed_operators

    for name, profile in report.profiles.items():
        if profile.engine != "litert":
            continue
        found = timed_operators(paths[name], profile)
        path = folder / f"{re.sub(r'[^A-Za-z0-9_.+-]', '_', name)}.time.json"
        model_explorer.write(path, "ms that the operator takes", found.ms, least_is_worst=False)
        say(f"{path}: {found.share:.0%} of the time", err=True)


def _by_agent(
    chosen: Profile, paths: dict[str, Path], config: BenchConfig, profiled: bool
) -> BenchReport:
    from edgeconv.devices.bench.run import bench as run
    from edgeconv.devices.bench.run import check_profiled, profile
    from edgeconv.report.progress import Steps

    with device.machine(chosen) as machine, Steps(lasting=False) as progress:
        if profiled:
            check_profiled(machine)
        report = run(machine, paths, config, progress)
        return replace(report, profiles=profile(machine, paths, config)) if profiled else report
