"""Collects operators, constants and names of one program; knows nothing of hub graphs or plans."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgeconv.export.tflite.layout import Step
from edgeconv.export.tflite.program import Operator, Quantization, Tensor, computed, constant
from edgeconv.export.tflite.schema import schema


class Assembler:
    """Operators and tensors of a program under construction.

    Attributes:
        operators: written so far, in the order they run.
    """

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self._names: set[str] = set()
        self._shared: dict[Hashable, Tensor] = {}

    def emit(
        self,
        code: str,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        options: Any = None,
    ) -> None:
        """Writes an operator whose tensors are all at hand."""
        self.operators.append(Operator(code, tuple(inputs), tuple(outputs), options))

    def moved(self, tensor: Tensor, moves: Sequence[Step], name: str) -> Tensor:
        """Writes RESHAPEs and TRANSPOSEs; the last one's result gets the name."""
        for number, move in enumerate(moves):
            last = number == len(moves) - 1
            result_name = name if last else self.unique(f"{name}/step")
            result = computed(result_name, move.shape, tensor.dtype, tensor.quantization)
            if move.perm is None:
                self._reshape(tensor, result)
            else:
                perm = self.ints(f"{name}/perm", move.perm)
                self.emit("TRANSPOSE", [tensor, perm], [result], schema.TransposeOptionsT())
            tensor = result
        return tensor

    def _reshape(self, tensor: Tensor, result: Tensor) -> None:
        """RESHAPE: the same elements in the same order under another shape."""
        shape = np.array(result.shape, np.int32)
        options = schema.ReshapeOptionsT(newShape=shape)
        self.emit("RESHAPE", [tensor, self.ints(f"{result.name}/shape", shape)], [result], options)

    def requantized(self, tensor: Tensor, quantization: Quantization, name: str) -> Tensor:
        """QUANTIZE: from float32, or from other integers, to those of this scale."""
        result = computed(name, tensor.shape, quantization.dtype, quantization)
        self.emit("QUANTIZE", [tensor], [result], schema.QuantizeOptionsT())
        return result

    def dequantized(self, tensor: Tensor, name: str) -> Tensor:
        """DEQUANTIZE: from integers to float32."""
        result = computed(name, tensor.shape, np.float32)
        self.emit("DEQUANTIZE", [tensor], [result], schema.DequantizeOptionsT())
        return result

    def ints(self, name: str, values: ArrayLike) -> Tensor:
        """An int32 constant: a shape, axes, paddings; the same values are stored once."""
        array = np.asarray(values, np.int32)
        key = ("int32", array.shape, array.tobytes())
        return self.shared(key, lambda: constant(self.unique(name), array))

    def floats(self, name: str, values: NDArray[Any]) -> Tensor:
        """A float32 constant."""
        return constant(self.unique(name), np.asarray(values, np.float32))

    def scalar(self, name: str, value: float, like: Tensor) -> Tensor:
        """A one-element constant of a tensor's type and scale, clamped to what the type holds."""
        if like.quantization is None:
            limits = np.iinfo(like.dtype) if like.is_whole else np.finfo(like.dtype)
            number = np.clip(value, float(limits.min), float(limits.max))
            return constant(self.unique(name), np.array([number], like.dtype))
        integers = like.quantization.integers(np.array([value]))
        return constant(self.unique(name), integers, like.quantization)

    def operand(self, name: str, value: float, like: Tensor) -> Tensor:
        """A one-element constant on a scale of its own, as exact as the tensor's type allows."""
        if not like.is_quantized:
            return self.floats(name, np.array([value]))
        scale = abs(value) / np.iinfo(like.dtype).max or 1.0
        integer = np.array([round(value / scale)], like.dtype)
        return constant(self.unique(name), integer, Quantization.per_tensor(scale, 0, like.dtype))

    def shared(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """The tensor made for a key before, or a new one."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def unique(self, name: str) -> str:
        """The name, numbered where it is taken."""
        candidate, number = name, 1
        while candidate in self._names:
            number += 1
            candidate = f"{name}:{number}"
        self._names.add(candidate)
        return candidate
