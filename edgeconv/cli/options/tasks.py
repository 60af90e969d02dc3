"""The task that files are judged in, and what its labels and the net's outputs mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import typer

from edgeconv.verify.tasks.prepare import TaskName, TaskRequest, require_bound


@dataclass(frozen=True)
class TaskOptions:
    """Options of `eval` that are about the task."""

    panel: ClassVar = "Task"

    task: TaskName | None = typer.Option(
        None,
        metavar="TASK",
        help="What the net is judged by: agreement (with float, without labels), classification, "
        "segmentation, detection, keypoints, regression or embeddings.",
        show_default="classification for rows of logits, else agreement",
    )
    labels: Path | None = typer.Option(
        None,
        help="Classes: a CSV with the columns file and label. Segmentation: a folder of masks, a "
        "PNG of class numbers for each photo, 255 for what is not counted. Detection: COCO's JSON. "
        "Keypoints, regression: a CSV with the columns file and x, y of each, or the numbers; "
        "keypoints with sizes, for OKS: COCO's JSON. "
        "Embeddings: a CSV with the columns file_a, file_b, same.",
        show_default="for classes DIR.csv, DIR/labels.csv",
    )
    output: str | None = typer.Option(
        None, metavar="NAME", help="Which output is judged.", show_default="the first"
    )
    decode: str | None = typer.Option(
        None,
        metavar="FILE",
        help="How boxes or points are read from the outputs: a TOML, or FILE.py:function.",
    )
    max_drop: float | None = typer.Option(
        None,
        metavar="NUMBER",
        help="Exit 1 where the photos do not show, with 95 % confidence, that each file loses at "
        "most this much: points of top-1, mean IoU, AP, OKS, right pairs; pixels of distance, the "
        "labels' unit of MAE, per cent of difference from float.",
        show_default="no bound",
    )

    def __post_init__(self) -> None:
        """Raises UsageError where the bound is none."""
        require_bound(self.max_drop)

    def request(self, task: TaskName) -> TaskRequest:
        """For a task; raises UsageError where an option is missing, or is none of its."""
        return TaskRequest(task, self.labels, self.output, self.decode)
