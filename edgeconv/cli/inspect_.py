"""edgeconv inspect: what a net or a model file computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeconv.cli import arguments

if TYPE_CHECKING:
    from edgeconv.verify.operations import ModelOperations


def inspect(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NET|FILE",
            help="A net, a .onnx or .tflite file of any tool, or path/to/net.py:factory.",
            show_default=False,
        ),
    ],
    net_option: Annotated[
        list[str],
        typer.Option(help="Option of the net's definition, such as width=0.75; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    input_size: Annotated[
        str,
        typer.Option(help="Input side in pixels, or HEIGHTxWIDTH.", show_default="the net's own"),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Parameters, multiply-adds, operators, layout changes and the share of the work in int8."""
    path = Path(target)
    if path.suffix in (".onnx", ".tflite"):
        operations = _of_file(path)
    else:
        size = arguments.input_size(input_size or None)
        operations = _of_net(target, arguments.net_options(net_option), size)
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"target": target, **operations.to_json()})
    else:
        from edgeconv.cli.shown import show_operations

        show_operations(target, operations)


def _of_file(path: Path) -> ModelOperations:
    from edgeconv.errors import UsageError

    if not path.is_file():
        raise UsageError(f"{path} does not exist; give a net's name or a .onnx or .tflite file")
    if path.suffix == ".onnx":
        from edgeconv.verify.onnx_operations import read_onnx

        return read_onnx(path)
    from edgeconv.verify.tflite_operations import read_tflite

    return read_tflite(path)


def _of_net(
    target: str, net_options: dict[str, object], size: tuple[int, int] | None
) -> ModelOperations:
    """The hub graph of a net: its size does not depend on its weights, so they are random."""
    import tempfile

    import torch

    from edgeconv.export import onnx_writer
    from edgeconv.export.capture import capture
    from edgeconv.nets.load import load_net
    from edgeconv.verify.onnx_operations import read_onnx

    net = load_net(target, weights="random", net_options=net_options, input_size=size)
    height, width = net.preprocessing.input_size
    graph = capture(net.module, torch.zeros(1, 3, height, width), name=net.name)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.onnx"
        onnx_writer.write_float(graph, path, metadata={})
        return read_onnx(path)
