"""edgeconv bench: latency and memory one can repeat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from edgeconv.cli import arguments, device_options
from edgeconv.cli.bench_targets import Wanted, engines, files
from edgeconv.cli.bundles_here import given_or_here
from edgeconv.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from edgeconv.devices.bench.report import BenchConfig, BenchReport
    from edgeconv.devices.profile.model import Profile
    from edgeconv.runtime.timing import TimingConfig

_MOST_THREADS = 64
_MOST_RUNS = 1_000_000
_MOST_PROCESSES = 100
#: Two more than a comparison in pairs needs.
_PAIRED_PROCESSES = 10
_MOST_CORES = 1023
_MOST_BATCH = 4096
_LEAST_SECONDS, _MOST_SECONDS = 0.01, 600.0


def bench(
    targets: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time
        typer.Argument(
            metavar="NET|BUNDLE|FILE ...",
            help="Bundles, names of nets exported here, or .onnx and .tflite files; for torch "
            "alone also path/to/net.py:factory.",
            show_default="the bundles in this directory",
        ),
    ] = None,
    device: device_options.Device = device_options.LOCAL,
    threads: Annotated[str, typer.Option(help="Numbers of threads, such as 1,4.")] = "1",
    runs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Timed runs in each process.", show_default="those of --seconds"),
    ] = None,
    seconds: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Time for the timed runs of each process.", show_default="0.5"),
    ] = None,
    processes: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            help="Fresh processes for each file and number of threads.",
            show_default="5, or 10 side by side",
        ),
    ] = None,
    side_by_side: Annotated[
        bool,
        typer.Option(
            "--side-by-side",
            help="Files in memory together, in turns of a few tens of ms.",
            show_default="where several targets are given",
        ),
    ] = False,
    one_by_one: Annotated[
        bool,
        typer.Option(
            "--one-by-one",
            help="One file after the other.",
            show_default="where one target is given",
        ),
    ] = False,
    pin: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Cores to run on: a cluster's name, or numbers such as 4,5."),
    ] = None,
    engine: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Only this engine: litert, onnxruntime or torch.", show_default="all"),
    ] = None,
    batch: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Photos in one inference, such as 1,8,32: .onnx files and torch.",
            show_default="as the file has it",
        ),
    ] = None,
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="torch's values in memory as NHWC.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also what each operator takes, by its engine.")
    ] = False,
    benchmark_model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--benchmark-model",
            help="Google's benchmark_model for the device: its own figures of .tflite files, too.",
            show_default="as the device's profile says",
        ),
    ] = None,
    host: device_options.Host = None,
    serial: device_options.Serial = None,
    port: device_options.Port = None,
    user: device_options.User = None,
    identity: device_options.Identity = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Where a NET's bundle lies.", show_default="./NET"),
    ] = None,
    json_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--json-file", help="Write every sample there as JSON.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document with every sample.")
    ] = False,
) -> None:
    """Latency with percentiles and intervals, load time and peak memory, of every file given.

    Each file runs in several fresh processes. Those of several targets take turns, so that whatever
    the machine does falls on all of them alike; from 8 processes on, `edgeconv compare` compares
    them in pairs.
    """
    from edgeconv.disk import check_writable, write_whole

    check_writable(json_file)
    numbers = arguments.integers("--threads", threads, low=1, high=_MOST_THREADS)
    if processes is not None and not 1 <= processes <= _MOST_PROCESSES:
        raise UsageError(f"--processes {processes}: 1 to {_MOST_PROCESSES} are allowed")
    if out is not None and not targets:
        raise UsageError("--out goes with one NET")
    targets = given_or_here(targets or ())
    together = _arrangement(side_by_side, one_by_one, len(targets))
    chosen = device_options.profile(device, host, serial, port, user, identity, gpu=True)
    if benchmark_model is not None:
        chosen = replace(chosen, benchmark_model=benchmark_model)
    sizes = (
        arguments.integers("--batch", batch, low=1, high=_MOST_BATCH) if batch is not None else []
    )
    wanted = Wanted(targets, out, engines(chosen, engine), engine, sizes, channels_last)
    if processes is None:
        processes = _processes(together, chosen)
    config = _config(numbers, _timing(runs, seconds), processes, _cores(pin, chosen))
    config = replace(config, side_by_side=together)
    with files(wanted) as paths:
        report = _measure(chosen, paths, config, profile)
    from edgeconv.report import jsondoc

    try:
        if json_file is not None:
            write_whole(json_file, jsondoc.dumps(report.to_json()).encode())
    finally:  # what was measured is shown all the same
        _show(report, as_json=as_json)


def _show(report: BenchReport, *, as_json: bool) -> None:
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show(report.to_json())
    else:
        from edgeconv.cli.shown.latency import show_bench

        show_bench(report)


def _arrangement(side_by_side: bool, one_by_one: bool, targets: int) -> bool | None:
    """Whether files take turns; None leaves it to what the machine can."""
    if side_by_side and one_by_one:
        raise UsageError("--side-by-side and --one-by-one exclude each other; give one")
    if side_by_side:
        return True
    return False if one_by_one or targets == 1 else None


def _processes(side_by_side: bool | None, chosen: Profile) -> int:
    """Processes where nobody says: more where they are to be compared in pairs."""
    from edgeconv.devices.bench.report import BenchConfig

    is_paired = side_by_side is not False and not chosen.emulated
    return _PAIRED_PROCESSES if is_paired else BenchConfig.processes


def _cores(pin: str | None, chosen: Profile) -> tuple[int, ...]:
    """The cores to run on, by a cluster's name or by their numbers."""
    if pin is None:
        return ()
    for cluster in chosen.clusters:
        if cluster.name == pin:
            return cluster.cores
    if not pin.replace(",", "").isdigit():
        known = [cluster.name for cluster in chosen.clusters]
        raise UnknownName(
            f"cluster of {chosen.name}",
            pin,
            known,
            f"It has {', '.join(known) or 'none by name'}; numbers such as 4,5 are allowed too",
        )
    return tuple(arguments.integers("--pin", pin, low=0, high=_MOST_CORES))


def _timing(runs: int | None, seconds: float | None) -> TimingConfig:
    """A number of timed runs, or a time for them; neither is a short time."""
    from edgeconv.runtime.timing import TimingConfig

    if runs is not None and seconds is not None:
        raise UsageError("--runs and --seconds both say how long to measure; give one")
    if runs is not None and not 1 <= runs <= _MOST_RUNS:
        raise UsageError(f"--runs {runs}: 1 to {_MOST_RUNS} are allowed")
    if seconds is not None and not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        raise UsageError(
            f"--seconds {seconds:g}: {_LEAST_SECONDS:g} to {_MOST_SECONDS:g} are allowed"
        )
    if seconds is not None:
        return TimingConfig(seconds=seconds, most_runs=_MOST_RUNS)
    return TimingConfig(runs=runs)


def _config(
    threads: list[int], timing: TimingConfig, processes: int, cores: tuple[int, ...]
) -> BenchConfig:
    from edgeconv.devices.bench.report import BenchConfig

    return BenchConfig(
        threads=tuple(threads),
        processes=processes,
        timing=timing,
        cores=cores,
        deadline_s=BenchConfig.deadline_s + timing.seconds,
    )


def _measure(
    chosen: Profile, paths: dict[str, Path], config: BenchConfig, profiled: bool
) -> BenchReport:
    from edgeconv.devices.bench import benchmark_model
    from edgeconv.devices.transport.open import open_device

    if chosen.benchmark_model is None:
        return _by_agent(chosen, paths, config, profiled)
    benchmark_model.check_possible(chosen, paths)
    report = _by_agent(chosen, paths, config, profiled)
    typer.echo(f"{chosen.name}: run benchmark_model", err=True)
    with open_device(chosen) as transport:
        found = benchmark_model.benchmark(
            transport, chosen.benchmark_model, paths, config, profiled=profiled
        )
    return replace(report, benchmark_model=found)


def _by_agent(
    chosen: Profile, paths: dict[str, Path], config: BenchConfig, profiled: bool
) -> BenchReport:
    from edgeconv.devices.bench.run import Listener, check_profiled, profile
    from edgeconv.devices.bench.run import bench as run
    from edgeconv.report.progress import progress

    def on_warning(warning: str) -> None:
        typer.echo(f"warning: {warning}", err=True)

    total = len(paths) * len(config.threads) * config.processes
    with (
        device_options.machine(chosen) as machine,
        progress("bench", total, unit="processes") as advance,
    ):
        if profiled:
            check_profiled(machine)
        seen = 0

        def on_progress(done: int, _total: int, _what: str) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        report = run(machine, paths, config, Listener(on_progress, on_warning))
        return replace(report, profiles=profile(machine, paths, config)) if profiled else report
