"""The quantization plan: every scale, zero point and integer weight, computed once, as pure data.

Both writers obey the same plan, so the int8 ONNX file and the int8 TFLite file hold the same
parameters and the same integers. Tensors are named as in the hub graph; layouts are ONNX's (NCHW,
OIHW), a writer that needs another layout transposes on its way out.

    real = scale * (integer - zero_point)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

IntegerType = Literal["int8", "int16", "int32", "int64"]


@dataclass(frozen=True, eq=False)
class QuantParams:
    """Affine quantization of one tensor.

    Attributes:
        scale: float32, shape () per tensor or (channels,) per channel.
        zero_point: int32, same shape as `scale`; zero for weights and biases.
        dtype: storage type of the integers.
        axis: channel axis in ONNX layout, None per tensor.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int32]
    dtype: IntegerType = "int8"
    axis: int | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """Hashable identity: equal keys mean interchangeable integers."""
        return (self.scale.tobytes(), self.zero_point.tobytes(), self.dtype, self.axis)


@dataclass(frozen=True, eq=False)
class QuantizedConstant:
    """An initializer's integers, in the initializer's own shape, with their parameters."""

    params: QuantParams
    values: NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Edge:
    """One use of a tensor: input `index` of the node named `consumer`."""

    consumer: str
    index: int


@dataclass(frozen=True, eq=False)
class Plan:
    """Quantization of a whole graph.

    Attributes:
        activations: parameters of every quantized activation, graph inputs included, by name.
        constants: integers of every quantized initializer (weights, biases, operands), by name.
        requantize: edges whose consumer sees the tensor requantized to other parameters.
        islands: names of nodes that stay in float.
    """

    activations: Mapping[str, QuantParams]
    constants: Mapping[str, QuantizedConstant]
    requantize: Mapping[Edge, QuantParams] = field(default_factory=dict)
    islands: frozenset[str] = frozenset()

    @property
    def activation_type(self) -> IntegerType:
        """What all its activations are stored as."""
        return next((params.dtype for params in self.activations.values()), "int8")
