"""edgeconv inspect: what a net or a model file computes, and what makes it slow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgeconv.cli.options import arguments, complete, nets, output
from edgeconv.cli.shown.inspect import show_inspection
from edgeconv.errors import UsageError
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from edgeconv.files.operations import ModelOperations
    from edgeconv.nets.load import LoadedNet
    from edgeconv.verify.inspect.inspection import Published


@within_free_memory()
def inspect(
    target: str = typer.Argument(
        metavar="NET|FILE",
        help="A net, a .onnx or .tflite file of any tool, or path/to/net.py:factory.",
        autocompletion=complete.net_or_file,
    ),
    net_option: list[str] = nets.NET_OPTION,
    input_size: str | None = nets.INPUT_SIZE,
    as_json: bool = output.JSON,
) -> None:
    """Parameters, multiply-adds, memory, operators; by the ShuffleNetV2 guidelines, why it is slow.

    Memory access is what the operators read and write, each tensor once an operator; an activation
    that an engine computes inside the operator before it costs nothing.
    """
    from edgeconv.verify.inspect.inspection import inspect as run

    path = Path(target)
    published: Published | None = None
    if path.suffix in (".onnx", ".tflite"):
        if net_option or input_size is not None:
            raise UsageError(f"{path} is a file: it takes no --net-option and no --input-size")
        inspection = run(_of_file(path))
    elif path.exists() and ":" not in target:
        raise UsageError(
            f"{path} is no .onnx or .tflite file; give one, or a net's name, or "
            "path/to/net.py:factory"
        )
    else:
        size = arguments.input_size(input_size)
        net = _load(target, arguments.net_options(net_option), size)
        published = _published(net)
        inspection = run(_of_net(net))
    document = {"target": target, **inspection.to_json()}
    if published is not None:
        document["published"] = published.to_json()
    output.show(document, lambda: show_inspection(target, inspection, published), as_json=as_json)


def _of_file(path: Path) -> ModelOperations:
    if not path.is_file():
        raise UsageError(f"{path} does not exist; give a net's name or a .onnx or .tflite file")
    from edgeconv.files.read import read_operations

    return read_operations(path)


def _load(target: str, net_options: dict[str, object], size: tuple[int, int] | None) -> LoadedNet:
    """The net with random values: what it costs does not depend on them."""
    from edgeconv.nets.registry import check_target

    check_target(target, net_options, size)  # before PyTorch is started
    from edgeconv.nets.load import load_net

    return load_net(target, weights="random", net_options=net_options, input_size=size)


def _published(net: LoadedNet) -> Published | None:
    """What is published of the net at its options, beside what the definition counts."""
    from edgeconv.nets.facts import count_parameters
    from edgeconv.verify.inspect.inspection import Published

    facts = None if net.spec is None else net.spec.facts_for(net.net_options)
    if net.spec is None or facts is None:
        return None
    return Published(
        parameters=facts.parameters,
        multiply_adds=facts.multiply_adds,
        top1=facts.top1,
        top5=facts.top5,
        paper=facts.paper,
        sources=dict(facts.sources),
        input_size=net.spec.preprocessing.input_size,
        inspected_size=net.preprocessing.input_size,
        counted_parameters=count_parameters(net.module),
    )


def _of_net(net: LoadedNet) -> ModelOperations:
    """The operators of the net's graph, as a float ONNX file."""
    import tempfile

    import torch

    from edgeconv.export.capture.hub import capture
    from edgeconv.export.onnx import write as onnx_writer
    from edgeconv.files.read import read_operations

    inputs = net.intake.inputs
    example = [torch.zeros(1, *spec.shape) for spec in inputs]
    names = [spec.name for spec in inputs]
    graph = capture(net.module, example, name=net.name, inputs=names)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.onnx"
        onnx_writer.write(graph, path)
        return read_operations(path)
