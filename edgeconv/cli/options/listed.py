"""The options of list: which nets, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import typer

from edgeconv.cli.options import complete


@dataclass(frozen=True)
class Listed:
    """As `nets.selection.Selection` takes them."""

    panel: ClassVar = "Nets"

    family: str | None = typer.Option(
        None,
        help="Only relatives, such as mobilenet.",
        show_default="all",
        autocompletion=complete.family,
    )
    task: Literal["classification", "segmentation", "detection"] | None = typer.Option(
        None, help="Only nets made for it.", show_default="all"
    )
    max_params: float | None = typer.Option(
        None, metavar="MILLIONS", help="Most parameters.", show_default="any"
    )
    max_macs: float | None = typer.Option(
        None, metavar="MILLIONS", help="Most multiply-adds for one photo.", show_default="any"
    )
    min_top1: float | None = typer.Option(
        None,
        metavar="PERCENT",
        help="Least published top-1 accuracy on ImageNet-1k.",
        show_default="any",
    )
    order: Literal["name", "params", "macs", "top1"] | None = typer.Option(
        None,
        "--sort",
        help="Sort by this: the smallest, or the most accurate, first.",
        show_default="as relatives stand together",
    )
