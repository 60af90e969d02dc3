"""Which net, with which weights and options of its definition."""

from __future__ import annotations

import typer

from edgeconv.cli.options import complete

A_NET = (
    "A net's name (`edgeconv list`), path/to/net.py:factory, package.module:factory, or timm:NAME."
)
A_SOURCE = f"{A_NET[:-1]}; or an ONNX file, or a program of torch.export (.pt2)."

NET = typer.Argument(help=A_NET, show_default=False, autocompletion=complete.net)
SOURCE = typer.Argument(help=A_SOURCE, show_default=False, autocompletion=complete.net)
NET_OPTION = typer.Option(
    [], help="Option of the net's definition, such as width=0.75; repeatable."
)
INPUT_SIZE = typer.Option(
    None, help="Input side in pixels, or HEIGHTxWIDTH.", show_default="the net's own"
)
WEIGHTS = typer.Option(
    "auto",
    help="auto: published weights, or none where they can't be had; pretrained: published "
    "weights or exit 3; random: seeded; or a .safetensors, .pth or .pt FILE.",
)
