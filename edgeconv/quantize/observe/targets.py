"""Which tensors a device holds as integers, and what the graph alone says about their range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx_ir as ir

from edgeconv.errors import NetRefused
from edgeconv.graph.fusion import clip_bounds, is_absorbed, written_outputs
from edgeconv.graph.masks import masked_values
from edgeconv.graph.operators.operator import UNBOUNDED
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.parts import channel_axis, uncopied
from edgeconv.graph.view import activation_inputs, is_real, name_of


@dataclass(frozen=True)
class Target:
    """A tensor to be quantized.

    Attributes:
        name: the hub's name of it.
        value: the hub value.
        producer: the node that writes it, past any activation it absorbs; None for a graph input.
        bounds: interval no value of it can leave.
        is_answer: whether it is an output of the graph, or becomes one with no weights in between:
            class maps that are averaged, logits behind which stands a softmax.
        channel_axis: along which its statistics are told apart: 1, but for what becomes an output
            of several channels along another axis, and is read by nothing else.
    """

    name: str
    value: ir.Value
    producer: ir.Node | None
    bounds: tuple[float, float]
    is_answer: bool
    channel_axis: int = 1


def targets(model: ir.Model) -> list[Target]:
    """Every activation that exists on the device, in the order it is computed.

    Graph inputs come first. A tensor inside a fusion (between a convolution and the activation it
    absorbs) is none of them: no device ever stores it. Nor are indices and truth values, for int8
    stands for real numbers, nor scores under a mask (`graph.masks`).

    Raises:
        NetRefused: a tensor without a name.
    """
    answers, axes = _answers(model), _output_axes(model)
    return [
        Target(
            *(name_of(value), value, producer, _bounds(value, producer)),
            *(value in answers, axes.get(value, 1)),
        )
        for value, producer in _written(model)
    ]


def _output_axes(model: ir.Model) -> dict[ir.Value, int]:
    """The channel axis of every value that becomes an output by copies, and does nothing else."""
    found = {}
    for output in model.graph.outputs:
        value, copies = uncopied(output)
        names = {node.name for node in copies}
        axis = channel_axis(value)
        if axis is not None and all(use.node.name in names for use in value.uses()):
            found[value] = axis
    return found


def _answers(model: ir.Model) -> set[ir.Value]:
    """Every value that is an output of the graph, or becomes one with no weights in between."""
    answers = set(model.graph.outputs)
    for node in reversed(model.graph):
        if operator_of(node).answers and not answers.isdisjoint(node.outputs):
            answers.update(value for _, value in activation_inputs(node))
    return answers


def _written(model: ir.Model) -> Iterator[tuple[ir.Value, ir.Node | None]]:
    masked = masked_values(model)
    for value in model.graph.inputs:
        if value.const_value is None:
            yield value, None
    for node in model.graph:
        if not is_absorbed(node):
            for output in written_outputs(node):
                if is_real(output) and output not in masked:
                    yield output, node


def _bounds(value: ir.Value, producer: ir.Node | None) -> tuple[float, float]:
    """The interval of the node that really writes the value: an absorbed clamp, or the operator."""
    if producer is None:
        return UNBOUNDED
    last = value.producer()
    if last is None:
        raise NetRefused(f"tensor {value.name} has no producer")
    return clip_bounds(last) or operator_of(last).bounds
