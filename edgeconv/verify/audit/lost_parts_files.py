"""What `audit_parts` asks of a file, read from TFLite's operators and from QDQ graphs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.files.tflite.file import FileOperator, FileTensor
from edgeconv.graph.view import constant_of, name_of
from edgeconv.verify.audit.findings import AuditFinding
from edgeconv.verify.audit.lost_parts import (
    Grid,
    Interval,
    Kind,
    Writer,
    layer_interval,
    part_findings,
)
from edgeconv.verify.audit.weights import weights_of

_MOVES = frozenset(
    {
        *("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE"),
        *("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity"),
        *("QuantizeLinear", "DequantizeLinear"),
    }
)
_JOINS = frozenset({"CONCATENATION", "Concat"})
_BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **dict.fromkeys(("LOGISTIC", "SOFTMAX", "Sigmoid", "HardSigmoid", "Softmax"), (0.0, 1.0)),
        **dict.fromkeys(("TANH", "Tanh"), (-1.0, 1.0)),
    }
)
#: Layers, and the axis of their weight's output channels.
_LAYERS: Mapping[str, int] = MappingProxyType(
    {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
)


def tflite_findings(operators: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    """Lost parts of a TFLite file."""
    tensors = [t for o in operators for t in (*o.inputs, *o.outputs) if t is not None]
    grids: dict[Hashable, Grid] = {
        id(t): grid for t in tensors if (grid := _grid_of(t)) is not None
    }
    writers: dict[Hashable, Writer] = {}
    for operator in operators:
        reads = tuple(id(t) for t in operator.inputs if t is not None and not t.is_constant)
        for output in operator.outputs:
            interval = _bounded(operator.code) or _tflite_layer(operator, grids)
            writers[id(output)] = Writer(
                _kind(operator.code, operator.code in _LAYERS),
                output.name,
                reads,
                interval,
                is_map=len(output.shape) > 2 and int(np.prod(output.shape[1:-1])) > 1,
            )
    read = {key for writer in writers.values() for key in writer.reads}
    yield from part_findings(writers, grids, [key for key in writers if key not in read])


def onnx_findings(graph: ir.Graph) -> Iterator[AuditFinding]:
    """Lost parts of an ONNX file in QDQ form."""
    grids: dict[Hashable, Grid] = {}
    writers: dict[Hashable, Writer] = {}
    weights = {id(w.node): w for w in weights_of(graph)}
    of_maps = all(v.shape is not None and len(v.shape) > 2 for v in graph.outputs)
    for node in graph:
        if node.op_type == "DequantizeLinear" and (grid := _grid_behind(node)) is not None:
            grids[node.outputs[0]] = grid
    for node in graph:
        reads = tuple(v for v in node.inputs if v is not None and v.const_value is None)
        interval = _bounded(node.op_type)
        weight = weights.get(id(node))
        source = None if node.inputs[:1] == () else grids.get(node.inputs[0])
        if weight is not None and source is not None and weight.values.ndim > 1:
            rows = _reals(weight.values, weight.scale, weight.zero_point)
            interval = layer_interval(rows, _bias(node), source)
        for value in node.outputs:
            if value.name:
                writers[value] = Writer(
                    _kind(node.op_type, weight is not None),
                    name_of(value),
                    reads[:1] if node.op_type in _MOVES else reads,
                    interval,
                    is_map=of_maps and weight is not None and weight.values.ndim > 2,
                )
    yield from part_findings(writers, grids, list(graph.outputs))


def _kind(operator: str, is_layer: bool) -> Kind:
    if operator in _MOVES:
        return "move"
    if operator in _JOINS:
        return "join"
    if operator in _BOUNDS:
        return "bounded"
    return "layer" if is_layer else "other"


def _bounded(operator: str) -> Interval | None:
    if operator not in _BOUNDS:
        return None
    low, high = _BOUNDS[operator]
    return np.array([low]), np.array([high])


def _grid_of(tensor: FileTensor) -> Grid | None:
    if tensor.dtype is None or tensor.dtype.itemsize != 1 or len(tensor.scale) != 1:
        return None
    return _grid(tensor.dtype, float(tensor.scale[0]), int(tensor.zero_point[0]))


def _grid_behind(node: ir.Node) -> Grid | None:
    """The grid of what a DequantizeLinear reads; None of weights, and where it is not known."""
    scale = constant_of(node.inputs[1])
    zero = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if scale is None or scale.size != 1 or constant_of(node.inputs[0]) is not None:
        return None
    dtype = np.dtype(np.uint8) if zero is None else zero.dtype
    if dtype.kind not in "iu" or dtype.itemsize != 1:
        return None
    return _grid(
        dtype, float(scale.reshape(-1)[0]), 0 if zero is None else int(zero.reshape(-1)[0])
    )


def _grid(dtype: np.dtype[np.generic], scale: float, zero_point: int) -> Grid | None:
    if not (np.isfinite(scale) and scale > 0):
        return None
    limits = np.iinfo(dtype)  # type: ignore[type-var]  # an integer type, as its callers check
    return Grid(scale * (limits.min - zero_point), scale * (limits.max - zero_point), scale)


def _tflite_layer(operator: FileOperator, grids: Mapping[Hashable, Grid]) -> Interval | None:
    if operator.code not in _LAYERS or len(operator.inputs) < 2:
        return None
    source, weight = operator.inputs[0], operator.inputs[1]
    bias = operator.inputs[2] if len(operator.inputs) > 2 else None
    if source is None or weight is None or weight.data is None or id(source) not in grids:
        return None
    axis = _LAYERS[operator.code]
    if weight.data.ndim <= axis or not len(weight.scale):
        return None
    rows = _reals(np.moveaxis(weight.data, axis, 0), weight.scale, weight.zero_point)
    shift = None
    if bias is not None and bias.data is not None and len(bias.scale):
        shift = bias.data.astype(np.float64).reshape(-1) * bias.scale
    return layer_interval(rows, shift, grids[id(source)])


def _reals(
    values: NDArray[np.generic], scale: NDArray[np.generic], zero: NDArray[np.generic]
) -> NDArray[np.float64]:
    """Weights of each output channel, (channels, weights)."""
    rows = values.astype(np.float64).reshape(len(values), -1)
    shift, factor = (np.asarray(a, np.float64).reshape(-1, 1) for a in (zero, scale))
    found: NDArray[np.float64] = (rows - shift) * factor
    return found


def _bias(node: ir.Node) -> NDArray[np.float64] | None:
    value = node.inputs[2] if len(node.inputs) > 2 else None
    if value is None:
        return None
    stored = constant_of(value)
    if stored is not None:
        return stored.astype(np.float64)
    maker = value.producer()
    if maker is None or maker.op_type != "DequantizeLinear":
        return None
    integers, scale = constant_of(maker.inputs[0]), constant_of(maker.inputs[1])
    if integers is None or scale is None:
        return None
    return integers.astype(np.float64) * scale.astype(np.float64)
