"""What rounding a tensor does to the layers that read it, for every tensor in one session.

    hub:    t -> Conv -> Relu6 -> y
    here:   t -> Conv -> Relu6 -> y
            t -> round -> Conv -> Relu6 -> y'      and sum (y - y')^2, sum y^2

The error is taken behind the reader's activation: a value that a ReLU6 saturates anyway may be
clipped at no cost, which the tensor's own squared error cannot tell. Operators without weights
(additions, pools, gates) are passed through to the layers behind them. Scales and zero points are
inputs of the session, so that one session tries any number of grids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from onnx import helper

from edgeconv.graph.ends import real_ends
from edgeconv.graph.fusion import fused_activation
from edgeconv.graph.view import name_of
from edgeconv.quantize.observe.session import open_proto
from edgeconv.quantize.plan.parameters import QuantParams
from edgeconv.quantize.plan.qdq import rounding_pair
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import in_threads

#: Layers behind a tensor that are looked at, at most: in a residual stage everything reads it.
MOST_READERS = 3


@dataclass
class _Built:
    """The graph under construction.

    Attributes:
        nodes: what is added to the hub's own.
        outputs: names of the sums.
        compared: tensor -> (sum of squared errors, sum of squares) of each of its readers.
        signals: hub value -> its sum of squares.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    compared: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    signals: dict[str, str] = field(default_factory=dict)


class ReaderErrors:
    """The net with a second, rounded reading of every tensor asked for."""

    def __init__(self, model: ir.Model, tensors: Sequence[str], photos: Sequence[Batch]) -> None:
        """Opens the session for some tensors of the graph and some of its inputs."""
        self._photos = photos
        self._inputs = [name_of(value) for value in model.graph.inputs]
        built = _Built()
        for tensor in tensors:
            _add_reading(model, tensor, built)
        self._compared = dict(built.compared)
        self._outputs = built.outputs
        self._session = _open(model, built)

    def __call__(self, grids: Mapping[str, QuantParams]) -> dict[str, float]:
        """Mean over photos of each tensor's error behind its readers, relative to their signal.

        Args:
            grids: int8 parameters of every tensor the session was opened for.
        """
        feeds = {}
        for tensor in self._compared:
            feeds[_scale(tensor)] = grids[tensor].scale
            feeds[_zero_point(tensor)] = grids[tensor].zero_point.astype(np.int8)

        def run(photo: Batch) -> dict[str, float]:
            sums = self._session.run(self._outputs, {**feeds, **by_name(photo, self._inputs)})
            return dict(zip(self._outputs, map(float, sums), strict=True))

        found = in_threads(run, self._photos)
        return {
            tensor: float(np.mean([_relative(sums, pairs) for sums in found]))
            for tensor, pairs in self._compared.items()
        }


def _relative(sums: Mapping[str, float], pairs: Sequence[tuple[str, str]]) -> float:
    return sum(sums[noise] / max(sums[signal], 1e-30) for noise, signal in pairs)


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
    built.nodes.append(helper.make_node("ReduceSumSquare", [difference], [noise], keepdims=0))
    built.outputs.append(noise)
    if name not in built.signals:
        built.signals[name] = f"{name}::signal"
        signal = helper.make_node("ReduceSumSquare", [name], [built.signals[name]], keepdims=0)
        built.nodes.append(signal)
        built.outputs.append(built.signals[name])
    built.compared[tensor].append((noise, built.signals[name]))


def _open(model: ir.Model, built: _Built) -> onnxruntime.InferenceSession:
    proto = ir.to_proto(model)
    proto.graph.node.extend(built.nodes)
    for tensor in built.compared:
        for name, kind in (
            (_scale(tensor), onnx.TensorProto.FLOAT),
            (_zero_point(tensor), onnx.TensorProto.INT8),
        ):
            proto.graph.input.append(helper.make_tensor_value_info(name, kind, []))
    del proto.graph.output[:]
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, []) for name in built.outputs
    )
    return open_proto(proto)
