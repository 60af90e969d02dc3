"""The task that files are judged in, and what its labels and the net's outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import typer

TaskName = Literal["classification", "agreement"]


@dataclass(frozen=True)
class TaskOptions:
    """Options of `eval` that are about the task."""

    panel: ClassVar = "Task"

    task: TaskName | None = typer.Option(
        None,
        help="What the net is judged by; agreement with float needs no labels.",
        show_default="classification for rows of logits, else agreement",
    )
    labels: Path | None = typer.Option(
        None,
        help="Of classes: a CSV with the columns file and label.",
        show_default="DIR.csv, DIR/labels.csv",
    )
