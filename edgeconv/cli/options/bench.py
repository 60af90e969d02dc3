"""The options of bench, by group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

MOST_RUNS = 1_000_000
_MOST_PROCESSES = 100


@dataclass(frozen=True)
class Measuring:
    """How, and how often, each file is measured."""

    panel: ClassVar = "Measuring"

    threads: Annotated[str, typer.Option(help="Numbers of threads, such as 1,4.")] = "1"
    runs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_RUNS,
            help="Timed runs in each process.",
            show_default="those of --seconds",
        ),
    ] = None
    seconds: Annotated[
        float | None,
        typer.Option(help="Time for the timed runs of each process.", show_default="0.5"),
    ] = None
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST_PROCESSES,
            help="Fresh processes for each file and number of threads.",
            show_default="5, or 10 side by side",
        ),
    ] = None
    side_by_side: Annotated[
        bool,
        typer.Option(
            "--side-by-side",
            help="Files in memory together, in turns of a few tens of ms.",
            show_default="where several targets are given",
        ),
    ] = False
    one_by_one: Annotated[
        bool,
        typer.Option(
            "--one-by-one",
            help="One file after the other.",
            show_default="where one target is given",
        ),
    ] = False
    pin: Annotated[
        str | None,
        typer.Option(help="Cores to run on: a cluster's name, or numbers such as 4,5."),
    ] = None


@dataclass(frozen=True)
class Files:
    """Which files, and how they are run."""

    panel: ClassVar = "Files"

    out: Annotated[
        Path | None, typer.Option(help="Where a NET's bundle lies.", show_default="./NET")
    ] = None
    engine: Annotated[
        str | None,
        typer.Option(help="Only this engine: litert, onnxruntime or torch.", show_default="all"),
    ] = None
    batch: Annotated[
        str | None,
        typer.Option(
            help="Photos in one inference, such as 1,8,32: .onnx files and torch.",
            show_default="as the file has it",
        ),
    ] = None
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="torch's values in memory as NHWC.")
    ] = False


@dataclass(frozen=True)
class Output:
    """What is told of the measurement, and where."""

    panel: ClassVar = "Output"

    profile: Annotated[
        bool, typer.Option("--profile", help="Also what each operator takes, by its engine.")
    ] = False
    benchmark_model: Annotated[
        Path | None,
        typer.Option(
            help="Google's benchmark_model for the device: its own figures of .tflite files, too.",
            show_default="as the device's profile says",
        ),
    ] = None
    json_file: Annotated[
        Path | None, typer.Option(help="Write every sample there as JSON.", show_default=False)
    ] = None
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document with every sample.")
    ] = False
