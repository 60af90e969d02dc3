"""Which net, with which weights and options of its definition."""

from __future__ import annotations

from typing import Annotated

import typer

A_NET = "A net's name (`edgeconv list`), path/to/net.py:factory, or package.module:factory."

NetOption = Annotated[
    list[str], typer.Option(help="Option of the net's definition, such as width=0.75; repeatable.")
]
InputSize = Annotated[
    str | None,
    typer.Option(help="Input side in pixels, or HEIGHTxWIDTH.", show_default="the net's own"),
]
Weights = Annotated[
    str,
    typer.Option(
        help="auto: published weights, or none where they can't be had; pretrained: published "
        "weights or exit 3; random: seeded; or a .safetensors, .pth or .pt FILE."
    ),
]
