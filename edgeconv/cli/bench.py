"""edgeconv bench: latency and memory one can repeat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from edgeconv.cli import arguments, device_options
from edgeconv.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeconv.devices.profile import Profile
    from edgeconv.devices.report import BenchConfig, BenchReport

_MOST_THREADS = 64
_MOST_RUNS = 1_000_000
_MOST_PROCESSES = 100
_MOST_CORES = 1023


def bench(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="NET|BUNDLE|FILE ...",
            help="Bundles, names of nets exported here, or .onnx and .tflite files.",
            show_default=False,
        ),
    ],
    device: device_options.Device = device_options.LOCAL,
    threads: Annotated[str, typer.Option(help="Numbers of threads, such as 1,4.")] = "1",
    runs: Annotated[
        Optional[int],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(help="Timed runs in each process.", show_default="a time budget"),
    ] = None,
    processes: Annotated[
        int, typer.Option(help="Fresh processes for each file and number of threads.")
    ] = 5,
    pin: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Cores to run on: a cluster's name, or numbers such as 4,5."),
    ] = None,
    engine: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Only files of this engine: litert or onnxruntime.", show_default="all"),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also what each operator takes, by its engine.")
    ] = False,
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

    Each file runs in several fresh processes, in turn with the others, so that a drift of the
    machine falls on all of them alike.
    """
    numbers = arguments.integers("--threads", threads, low=1, high=_MOST_THREADS)
    if not 1 <= processes <= _MOST_PROCESSES:
        raise UsageError(f"--processes {processes}: 1 to {_MOST_PROCESSES} are allowed")
    if runs is not None and not 1 <= runs <= _MOST_RUNS:
        raise UsageError(f"--runs {runs}: 1 to {_MOST_RUNS} are allowed")
    chosen = device_options.profile(device, host, serial, port, user, identity)
    paths = _for_engines(_files(targets, out), engine, chosen)
    config = _config(numbers, runs, processes, _cores(pin, chosen))
    report = _measure(chosen, paths, config, profile)
    from edgeconv.report import jsondoc

    if json_file is not None:
        _write(json_file, jsondoc.dumps(report.to_json()))
    if as_json:
        jsondoc.show(report.to_json())
    else:
        from edgeconv.cli.shown import show_bench

        show_bench(report)


def _files(targets: list[str], out: Path | None) -> dict[str, Path]:
    """Every model file the targets stand for, by the name it is shown under."""
    from edgeconv.cli.models import model_files

    if out is not None and len(targets) != 1:
        raise UsageError("--out goes with one NET")
    paths: dict[str, Path] = {}
    for target in targets:
        for name, path in model_files(target, out).items():
            paths[_shown(target, name, alone=len(targets) == 1)] = path
    return paths


def _shown(target: str, name: str, *, alone: bool) -> str:
    """What a target's file is called: a file by itself as the user named it."""
    if alone:
        return name
    return target if Path(target).name == name else f"{target}: {name}"


def _for_engines(paths: dict[str, Path], engine: str | None, chosen: Profile) -> dict[str, Path]:
    """The files that run on the device, of the engine asked for."""
    from edgeconv.runtime.open import engine_of

    if engine is not None and engine not in chosen.engines:
        raise UnknownName(
            f"engine of {chosen.name}", engine, chosen.engines, f"It has {_listed(chosen.engines)}"
        )
    kept = {
        name: path
        for name, path in paths.items()
        if engine_of(path) in ((engine,) if engine else chosen.engines)
    }
    if not kept:
        raise UsageError(f"no file given is for {engine or _listed(chosen.engines)}")
    return kept


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


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
            f"It has {_listed(known) or 'none by name'}; numbers such as 4,5 are allowed too",
        )
    return tuple(arguments.integers("--pin", pin, low=0, high=_MOST_CORES))


def _config(
    threads: list[int], runs: int | None, processes: int, cores: tuple[int, ...]
) -> BenchConfig:
    from edgeconv.devices.report import BenchConfig
    from edgeconv.runtime.timing import TimingConfig

    timing = TimingConfig() if runs is None else TimingConfig(runs=runs)
    return BenchConfig(threads=tuple(threads), processes=processes, timing=timing, cores=cores)


def _measure(
    chosen: Profile, paths: dict[str, Path], config: BenchConfig, profiled: bool
) -> BenchReport:
    from dataclasses import replace

    from edgeconv.devices.bench import Listener, profile
    from edgeconv.devices.bench import bench as run
    from edgeconv.report.progress import progress

    def on_warning(warning: str) -> None:
        typer.echo(f"warning: {warning}", err=True)

    total = len(paths) * len(config.threads) * config.processes
    with (
        device_options.machine(chosen) as machine,
        progress("bench", total, unit="processes") as advance,
    ):
        seen = 0

        def on_progress(done: int, _total: int, _what: str) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        report = run(machine, paths, config, Listener(on_progress, on_warning))
        return replace(report, profiles=profile(machine, paths, config)) if profiled else report


def _write(path: Path, text: str) -> None:
    from edgeconv.errors import OutputUnwritable

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputUnwritable(f"{path} cannot be written: {error.strerror}") from error
