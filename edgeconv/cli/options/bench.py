"""The options of bench, by group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import typer

from edgeconv.cli.options import output
from edgeconv.disk import check_folder
from edgeconv.errors import UsageError

MOST_RUNS = 1_000_000
_MOST_PROCESSES = 100


@dataclass(frozen=True)
class Measuring:
    """How, and how often, each file is measured."""

    panel: ClassVar = "Measuring"

    threads: str = typer.Option("1", help="Numbers of threads, such as 1,4.")
    runs: int | None = typer.Option(
        None,
        min=1,
        max=MOST_RUNS,
        help="Timed runs in each process.",
        show_default="those of --seconds",
    )
    seconds: float | None = typer.Option(
        None, help="Time for the timed runs of each process.", show_default="0.5"
    )
    processes: int | None = typer.Option(
        None,
        min=1,
        max=_MOST_PROCESSES,
        help="Fresh processes for each file and number of threads.",
        show_default="5, or 10 side by side",
    )
    side_by_side: bool = typer.Option(
        False,
        "--side-by-side",
        help="Files in memory together, in turns of a few tens of ms.",
        show_default="where several targets are given",
    )
    one_by_one: bool = typer.Option(
        False,
        "--one-by-one",
        help="One file after the other.",
        show_default="where one target is given",
    )
    pin: str | None = typer.Option(
        None, help="Cores to run on: a cluster's name, or numbers such as 4,5."
    )


@dataclass(frozen=True)
class Files:
    """Which files, and how they are run."""

    panel: ClassVar = "Files"

    out: Path | None = typer.Option(None, help="Where a NET's bundle lies.", show_default="./NET")
    engine: str | None = typer.Option(
        None, help="Only this engine: litert, onnxruntime or torch.", show_default="all"
    )
    batch: str | None = typer.Option(
        None,
        help="Photos in one inference, such as 1,8,32: .onnx files and torch.",
        show_default="as the file has it",
    )
    channels_last: bool = typer.Option(
        False, "--channels-last", help="torch's values in memory as NHWC."
    )


@dataclass(frozen=True)
class Output:
    """What is told of the measurement, and where."""

    panel: ClassVar = "Output"

    profile: bool = typer.Option(
        False, "--profile", help="Also what each operator takes, by its engine."
    )
    model_explorer: Path | None = typer.Option(
        None,
        metavar="DIR",
        help="With --profile: write what operators of .tflite files take there, as overlays for "
        "Google's Model Explorer.",
    )
    benchmark_model: Path | None = typer.Option(
        None,
        help="Google's benchmark_model for the device: its own figures of .tflite files, too.",
        show_default="as the device's profile says",
    )
    json_file: Path | None = typer.Option(None, help="Write every sample there as JSON.")
    markdown: Path | None = output.MARKDOWN
    as_json: bool = output.JSON

    def __post_init__(self) -> None:
        """Raises UsageError where overlays are wanted of nothing, OutputUnwritable of no folder."""
        if self.model_explorer is not None and not self.profile:
            raise UsageError("--model-explorer shows what operators take: give --profile too")
        check_folder("--model-explorer", self.model_explorer)
