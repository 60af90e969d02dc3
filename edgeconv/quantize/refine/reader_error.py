"""What rounding a tensor does to the layers that read it, for every tensor at once.

    float, once a photo:   t -> Conv -> Relu6 -> y               gives t, y, sum y^2
    rounded, for a grid:   t -> round -> Conv -> Relu6 -> y'     gives sum (y - y')^2

The error is taken behind the reader's activation: a value that a ReLU6 saturates anyway may be
clipped at no cost, which the tensor's own squared error cannot tell. Operators without weights
(additions, pools, gates) are passed through to the layers behind them. Scales and zero points are
inputs of the second session, so that it tries any number of grids.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from edgeconv.graph.ends import real_ends
from edgeconv.graph.fusion import fused_activation
from edgeconv.graph.view import input_names, name_of
from edgeconv.quantize.observe.session import BoundRun, open_proto
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.plan.qdq import rounding_pair
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import in_threads

#: Layers behind a tensor that are looked at, at most: in a residual stage everything reads it.
MOST_READERS = 3


@dataclass
class _Built:
    """The graph of the rounded readings under construction.

    Attributes:
        nodes: its nodes.
        compared: tensor -> (sum of squared errors, sum of squares) of each of its readers.
        signals: hub value -> the name of its sum of squares.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    compared: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    signals: dict[str, str] = field(default_factory=dict)


class ReaderErrors:
    """The net, and a second, rounded reading of every tensor asked for."""

    def __init__(self, model: ir.Model, tensors: Sequence[str], photos: Sequence[Batch]) -> None:
        """Opens the sessions for some tensors of the graph and some of its inputs."""
        self._photos = photos
        self._inputs = input_names(model)
        built = _Built()
        for tensor in tensors:
            _add_reading(model, tensor, built)
        self._compared = dict(built.compared)
        read = _read(model, built)
        self._exact = _open_exact(model, read, built)
        self._rounded = _open_rounded(model, read, built)
        self._taken = {spec.name for spec in self._rounded.get_inputs()}

    def __call__(self, turns: Sequence[Mapping[str, QuantParams]]) -> list[dict[str, float]]:
        """Mean over photos of each tensor's error behind its readers, relative to their signal.

        Args:
            turns: int8 parameters of every tensor the sessions were opened for, one set after
                another.
        """
        grids = [self._fed(turn) for turn in turns]
        local = threading.local()

        def run(photo: Batch) -> list[dict[str, float]]:
            if not hasattr(local, "run"):
                local.run = BoundRun(self._exact)
            given = by_name(photo, self._inputs)
            exact = {**given, **_named(self._exact, local.run(given))}
            read = {name: array for name, array in exact.items() if name in self._taken}
            found = [_named(self._rounded, self._rounded.run(None, read | g)) for g in grids]
            return [self._relative({**exact, **sums}) for sums in found]

        by_turn = zip(*in_threads(run, self._photos), strict=True)
        return [{t: float(np.mean([e[t] for e in found])) for t in found[0]} for found in by_turn]

    def _fed(self, grids: Mapping[str, QuantParams]) -> dict[str, NDArray[Any]]:
        """What the rounded readings take of a grid for each tensor."""
        scales = {_scale(tensor): grids[tensor].scale for tensor in self._compared}
        zero_points = {
            _zero_point(tensor): grids[tensor].zero_point.astype(np.int8)
            for tensor in self._compared
        }
        return scales | zero_points

    def _relative(self, sums: Mapping[str, NDArray[Any]]) -> dict[str, float]:
        """Each tensor's errors over their signals, added up over its readers."""
        return {
            tensor: sum(float(sums[n]) / max(float(sums[s]), 1e-30) for n, s in pairs)
            for tensor, pairs in self._compared.items()
        }


def _named(
    session: onnxruntime.InferenceSession, arrays: Sequence[NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    return {spec.name: a for spec, a in zip(session.get_outputs(), arrays, strict=True)}


def _scale(tensor: str) -> str:
    return f"{tensor}::scale"


def _zero_point(tensor: str) -> str:
    return f"{tensor}::zero_point"


def _add_reading(model: ir.Model, tensor: str, built: _Built) -> None:
    """A rounded reading of one tensor, up to the layers behind it."""
    built.compared[tensor] = []  # as it stays where nothing reads it
    rounded, integers = f"{tensor}::rounded", f"{tensor}::integers"
    scale, zero_point = ir.Value(name=_scale(tensor)), ir.Value(name=_zero_point(tensor))
    pair = rounding_pair(ir.Value(name=tensor), scale, zero_point, integers)
    pair[-1].outputs[0].name = rounded
    built.nodes += map(ir.to_proto, pair)
    renamed = {tensor: rounded}
    ends = {name_of(value) for value in real_ends(model)}
    if tensor in ends:
        _compare(tensor, tensor, rounded, built)
    absorbed: set[int] = set()
    readers = 0
    for node in model.graph:
        if id(node) in absorbed or not any(
            v is not None and v.name in renamed for v in node.inputs
        ):
            continue
        written = _copy(node, renamed, tensor, built)
        fused = fused_activation(node) if layer_of(node) is not None else None
        if fused is not None:
            absorbed.add(id(fused.node))
            written = _copy(fused.node, {**renamed, **written}, tensor, built)
        if layer_of(node) is not None or ends & set(written):
            for name, copy in written.items():
                _compare(tensor, name, copy, built)
            readers += 1
        else:
            renamed |= written
        if readers == MOST_READERS:
            break


def _copy(node: ir.Node, renamed: Mapping[str, str], tensor: str, built: _Built) -> dict[str, str]:
    """A second copy of a node that reads the renamed values; gives the names of what it writes."""
    proto = ir.to_proto(node)
    written = {name: f"{tensor}::{name}" for name in proto.output if name}
    proto.name = f"{tensor}::{proto.name}"
    for index, name in enumerate(proto.input):
        proto.input[index] = renamed.get(name, name)
    for index, name in enumerate(proto.output):
        proto.output[index] = written.get(name, name)
    built.nodes.append(proto)
    return written


def _compare(tensor: str, name: str, copy: str, built: _Built) -> None:
    difference, noise = f"{copy}::difference", f"{copy}::noise"
    built.nodes.append(helper.make_node("Sub", [name, copy], [difference]))
    built.nodes.append(_sum_of_squares(difference, noise))
    built.signals[name] = f"{name}::signal"
    built.compared[tensor].append((noise, built.signals[name]))


def _sum_of_squares(name: str, total: str) -> onnx.NodeProto:
    return helper.make_node("ReduceSumSquare", [name], [total], keepdims=0)


def _read(model: ir.Model, built: _Built) -> list[ir.Value]:
    """What the rounded readings read of the float net, but for its input."""
    read = {name for node in built.nodes for name in node.input if name}
    return [value for node in model.graph for value in node.outputs if value.name in read]


def _open_exact(
    model: ir.Model, read: Sequence[ir.Value], built: _Built
) -> onnxruntime.InferenceSession:
    """The float net: what the rounded readings read, and the sums of squares."""
    proto = ir.to_proto(model)
    proto.graph.node.extend(_sum_of_squares(*pair) for pair in built.signals.items())
    del proto.graph.output[:]
    proto.graph.output.extend(map(ir.to_proto, read))
    proto.graph.output.extend(_scalar(name) for name in built.signals.values())
    return open_proto(proto)


def _open_rounded(
    model: ir.Model, read: Sequence[ir.Value], built: _Built
) -> onnxruntime.InferenceSession:
    """The rounded readings alone."""
    proto = ir.to_proto(model)
    for replaced in (proto.graph.node, proto.graph.value_info, proto.graph.output):
        del replaced[:]
    proto.graph.node.extend(built.nodes)
    proto.graph.input.extend(map(ir.to_proto, read))
    for tensor in built.compared:
        proto.graph.input.append(_scalar(_scale(tensor)))
        proto.graph.input.append(_scalar(_zero_point(tensor), onnx.TensorProto.INT8))
    noises = (noise for pairs in built.compared.values() for noise, _ in pairs)
    proto.graph.output.extend(map(_scalar, noises))
    return open_proto(proto)


def _scalar(name: str, kind: int = onnx.TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [])
