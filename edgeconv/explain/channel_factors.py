"""By what the channels of an int8 file's tensor were scaled against the float file's.

Cross-layer equalization (`edgeconv.quantize.repair.equalize`) may multiply channel c of a tensor by
k[c] and divide the weights that read it. The net computes the same, but an activation read out of
the int8 file is k[c] times the float net's. Both files hold the weights of a layer under the same
name, so k is read back from them, layer by layer from the input on. Where a channel of the int8
file is a copy of another (`edgeconv.quantize.repair.copies`), the float file's weights are taken as
copied, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgeconv.errors import BundleRefused
from edgeconv.quantize.repair.repairs import Copies, sources

_OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()
}
#: Axis of the output channels in the weights of each layer.
_ROWS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
#: Operators that hand channels on as they are.
_PASSING = frozenset(
    {
        *("ADD", "AVERAGE_POOL_2D", "DEQUANTIZE", "MAX_POOL_2D", "MEAN", "PAD", "PADV2"),
        *("QUANTIZE", "RELU", "RELU6", "RESHAPE"),
    }
)
_DTYPES: dict[Any, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.INT8: np.dtype(np.int8),
}


def channel_factors(int8: Path, floating: Path, tensor: str, copies: Copies) -> NDArray[np.float64]:
    """k for every channel of a tensor of the int8 file.

    Args:
        int8: the int8 TFLite file.
        floating: the float TFLite file of the same export.
        tensor: name of an activation of both files.
        copies: which channels of the int8 file's tensors are copies of others.

    Returns:
        (C,) close to 1 where the tensor was not scaled; (1,) where nothing can have scaled it.

    Raises:
        BundleRefused: the files do not hold the same weights.
    """
    first, second = _File(int8), _File(floating)
    factors: dict[str, NDArray[np.float64]] = {}
    copied = dict(copies)
    for written, kind, inputs in first.operators:
        read = [factors.get(name, np.ones(1)) for name in inputs]
        if kind in _ROWS:
            # Behind an operator in float the rounded tensor has the hub's name, this one a suffix.
            made = copied.get(written.removesuffix("/float"), {})
            weights = _with_copies(kind, second.weights(inputs[1]), copied.get(inputs[0], {}), made)
            copied[written] = made
            factors[written] = _row_factors(kind, first.weights(inputs[1]), weights, read[0])
        elif kind in _PASSING:
            factors[written] = read[0]
            copied.setdefault(written, copied.get(inputs[0], {}))
        elif kind == "CONCATENATION":
            sizes = [first.channels(name) for name in inputs]
            parts = [np.broadcast_to(k, (c,)) for k, c in zip(read, sizes, strict=True)]
            factors[written] = np.concatenate(parts)
        if written == tensor:
            break
    return factors.get(tensor, np.ones(1))


def _with_copies(
    kind: str,
    weights: NDArray[np.float64],
    read: Mapping[int, int],
    written: Mapping[int, int],
) -> NDArray[np.float64]:
    """A layer's float weights as they were copied: rows of what it writes, columns shared out."""
    rows = _ROWS[kind]
    weights = weights.take(sources(written, weights.shape[rows]), axis=rows)
    if not read or kind == "DEPTHWISE_CONV_2D":
        return weights
    of = sources(read, weights.shape[-1])
    return weights[..., of] / np.bincount(of)[of]


def _row_factors(
    kind: str,
    scaled: NDArray[np.float64],
    weights: NDArray[np.float64],
    read: NDArray[np.float64],
) -> NDArray[np.float64]:
    """k of a layer's output: least squares of k W against W' k_in, row by row.

    Equalization made W' = k W / k_in, where k_in are the factors of the tensor the layer reads.
    """
    if scaled.shape != weights.shape:
        raise BundleRefused(
            f"the bundle's files disagree: weights of {scaled.shape} and {weights.shape}"
        )
    restored = scaled * _columns(kind, weights.shape, read)
    others = tuple(axis for axis in range(weights.ndim) if axis != _ROWS[kind])
    squares = (weights * weights).sum(others)
    products = (restored * weights).sum(others)
    # A row of zeros, or one that rounding emptied, tells nothing.
    usable = (squares > 0) & (products > 0)
    return np.where(usable, products / np.where(usable, squares, 1), 1.0)


def _columns(kind: str, shape: tuple[int, ...], read: NDArray[np.float64]) -> NDArray[np.float64]:
    """The factors of the channels a layer reads, in the shape of its weights or broadcast to it.

    CONV_2D weights are OHWI, where I are the channels of one group; DEPTHWISE_CONV_2D 1HWO;
    FULLY_CONNECTED OI, where a flattened (H, W, C) has its channels last.
    """
    if len(read) == 1:
        return read
    if kind == "DEPTHWISE_CONV_2D":
        return np.repeat(read, shape[3] // len(read))
    if kind == "FULLY_CONNECTED":
        return np.tile(read, shape[1] // len(read))
    groups = len(read) // shape[3]
    rows = np.repeat(read.reshape(groups, shape[3]), shape[0] // groups, axis=0)
    return rows[:, np.newaxis, np.newaxis, :]


class _File:
    """A TFLite file of a bundle.

    Attributes:
        operators: (name of the first output, operator, names of the inputs), in order.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
        graph = self._model.subgraphs[0]
        names = [tensor.name.decode() for tensor in graph.tensors]
        self._tensors = dict(zip(names, graph.tensors, strict=True))
        self.operators = [
            (
                names[operator.outputs[0]],
                self._kind(operator),
                [names[i] for i in operator.inputs if i >= 0],
            )
            for operator in graph.operators
        ]

    def channels(self, name: str) -> int:
        """Last dimension of a tensor."""
        return int(self._tensors[name].shape[-1])

    def weights(self, name: str) -> NDArray[np.float64]:
        """A constant, dequantized."""
        tensor = self._tensors.get(name)
        if tensor is None or tensor.type not in _DTYPES:
            raise BundleRefused(f"{self._path} holds no weights called {name}; export it again")
        data = self._model.buffers[tensor.buffer].data
        array = np.frombuffer(np.asarray(data, np.uint8).tobytes(), _DTYPES[tensor.type])
        values: NDArray[np.float64] = array.reshape(tensor.shape).astype(np.float64)
        quantization = tensor.quantization
        if quantization is None or quantization.scale is None or not len(quantization.scale):
            return values
        shape = [1] * values.ndim
        if len(quantization.scale) > 1:
            shape[quantization.quantizedDimension] = -1
        scaled: NDArray[np.float64] = values * np.reshape(quantization.scale, shape)
        return scaled

    def _kind(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        name: str = _OPERATOR_NAMES.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")
        return name
