"""A TFLite model as plain data: what the lowerings build and the packer writes.

Tensors are compared by identity: one `Tensor` is one tensor of the file, whatever its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgeconv.files.tflite.tensor_order import TensorOrder
from edgeconv.quantize.plan.parameters import QuantParams

_INT8: np.dtype[Any] = np.dtype(np.int8)


@dataclass(frozen=True, eq=False)
class Quantization:
    """Affine quantization of a tensor, in the file's layout.

    Attributes:
        scale: float32 (1,) per tensor, (channels,) per channel.
        zero_point: int64, same shape.
        axis: channel axis in the file's layout; 0 per tensor.
        dtype: what the integers are stored as.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0
    dtype: np.dtype[Any] = _INT8

    @classmethod
    def per_tensor(
        cls, scale: float, zero_point: int, dtype: np.dtype[Any] = _INT8
    ) -> Quantization:
        """One scale and zero point for the whole tensor."""
        return cls(np.array([scale], np.float32), np.array([zero_point], np.int64), dtype=dtype)

    @classmethod
    def of(cls, params: QuantParams, axis: int = 0) -> Quantization:
        """A plan's parameters; `axis` is where the file has the plan's channel axis."""
        return cls(
            np.atleast_1d(params.scale).astype(np.float32),
            np.atleast_1d(params.zero_point).astype(np.int64),
            0 if params.axis is None else axis,
            np.dtype(params.dtype),
        )

    def equals(self, other: Quantization) -> bool:
        """Whether both read the same integers as the same reals."""
        return (
            self.axis == other.axis
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
        )

    def integers(self, reals: NDArray[Any]) -> NDArray[Any]:
        """The integers that stand for reals: rounded to nearest even, saturated. Per tensor."""
        steps = np.rint(reals / np.float64(self.scale[0])) + self.zero_point[0]
        limits = np.iinfo(self.dtype)
        clipped: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(self.dtype)
        return clipped


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the file.

    Attributes:
        name: the hub's name of it, or one derived from that for a tensor the hub does not have.
        shape: in the file's layout.
        dtype: float32, an integer type for what is quantized, int32 for shapes and the like.
        quantization: None for float tensors and shapes.
        data: a constant's values in the file's layout; None for what is computed at run time.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    quantization: Quantization | None = None
    data: NDArray[Any] | None = None

    @property
    def values(self) -> NDArray[Any]:
        """`data` of what must be a constant."""
        if self.data is None:
            raise ValueError(f"{self.name} is computed at run time")
        return self.data

    @property
    def grid(self) -> Quantization:
        """`quantization` of what must have one."""
        if self.quantization is None:
            raise ValueError(f"{self.name} is not quantized")
        return self.quantization

    @property
    def scale(self) -> float:
        """Scale of a tensor quantized per tensor."""
        return self.grid.scale.item()

    @property
    def zero_point(self) -> int:
        """Zero point of a tensor quantized per tensor."""
        return self.grid.zero_point.item()

    @property
    def is_int8(self) -> bool:
        """Whether it holds int8."""
        return bool(self.dtype == np.int8)

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers that stand for themselves."""
        return self.dtype.kind == "i" and self.quantization is None

    @property
    def is_quantized(self) -> bool:
        """Whether its integers stand for reals."""
        return self.quantization is not None


def constant(name: str, data: NDArray[Any], quantization: Quantization | None = None) -> Tensor:
    """A tensor bound to values."""
    array = np.ascontiguousarray(data)
    return Tensor(name, tuple(data.shape), array.dtype, quantization, array.reshape(data.shape))


def rows(tensor: Tensor, start: int, stop: int) -> Tensor:
    """Some rows of a weight or a bias with their scales, called NAME/rows_START.

    By that name `verify` puts the whole together again.
    """
    return channels(tensor, 0, slice(start, stop), f"{tensor.name}/rows_{start}")


def channels(tensor: Tensor, axis: int, some: slice, name: str) -> Tensor:
    """Some channels of a constant along an axis, with their scales where each has its own."""
    quantization = tensor.quantization
    if quantization is not None and len(quantization.scale) > 1:
        scale, zero_point = quantization.scale[some], quantization.zero_point[some]
        quantization = replace(quantization, scale=scale, zero_point=zero_point)
    where = (slice(None),) * (axis % tensor.values.ndim)
    return constant(name, tensor.values[(*where, some)], quantization)


def computed(
    name: str, shape: tuple[int, ...], dtype: DTypeLike, quantization: Quantization | None = None
) -> Tensor:
    """A tensor whose values an operator gives at run time."""
    return Tensor(name, shape, np.dtype(dtype), quantization)


@dataclass(frozen=True, eq=False)
class Operator:
    """One builtin operator.

    Attributes:
        code: its name in the schema, such as CONV_2D.
        inputs: None where an optional input is absent.
        options: the schema's options object, such as Conv2DOptionsT; None where it has none.
    """

    code: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Any = None

    def read(self, index: int) -> Tensor:
        """The input there, of those that every such operator has."""
        tensor = self.inputs[index]
        if tensor is None:
            raise ValueError(f"input {index} of {self.code} is absent")
        return tensor


@dataclass(frozen=True, eq=False)
class Program:
    """A whole model: operators in the order they run.

    Attributes:
        name: of the net.
        inputs: (signature name, tensor), in order.
        outputs: (signature name, tensor), in order.
        unusual: how those tensors lie that lie otherwise than is usual, by their name.
    """

    name: str
    operators: tuple[Operator, ...]
    inputs: tuple[tuple[str, Tensor], ...]
    outputs: tuple[tuple[str, Tensor], ...]
    unusual: Mapping[str, TensorOrder] = field(default_factory=dict)
