"""A session: one model file opened by one engine, fed with raw arrays, exactly as an app would.

`open_session` picks the engine by the file's ending. What a session takes and gives is what the
file declares: no hidden conversion of layout, type or scale happens here (`adapt` does that).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

EngineName = Literal["onnxruntime", "litert", "torch"]
ENGINES: tuple[EngineName, ...] = ("onnxruntime", "litert", "torch")
Provider = Literal["cpu", "cuda", "tensorrt"]
PROVIDERS: tuple[Provider, ...] = ("cpu", "cuda", "tensorrt")
Kernels = Literal["default", "reference"]


@dataclass(frozen=True)
class SessionOptions:
    """How an engine runs a file.

    Attributes:
        threads: intra-operator threads.
        kernels: "default" is what an app gets (LiteRT with XNNPACK; onnxruntime with all graph
            optimizations). "reference" is LiteRT's reference kernels; onnxruntime with graph
            optimizations off, where an int8 file computes each operator in float between its
            quantize and dequantize nodes and no CPU's kernel can saturate.
        keep_tensors: whether intermediate tensors can be read after a run (LiteRT only, costs
            memory, and XNNPACK is off).
        provider: what computes. "cuda" is an NVIDIA GPU, "tensorrt" the same through TensorRT,
            with CUDA for what it does not take; nothing is ever left to the CPU instead.
    """

    threads: int = 1
    kernels: Kernels = "default"
    keep_tensors: bool = False
    provider: Provider = "cpu"


@dataclass(frozen=True)
class TensorSpec:
    """An input or output as the file declares it.

    Attributes:
        name: the tensor's name (a TFLite signature's name where the file has one).
        shape: static shape.
        dtype: NumPy type.
        scale: quantization scale, None where the tensor is not quantized.
        zero_point: quantization zero point, None where the tensor is not quantized.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float | None = None
    zero_point: int | None = None

    @property
    def nbytes(self) -> int:
        """What one array of it takes."""
        return math.prod(self.shape) * self.dtype.itemsize


class Session(Protocol):
    """A model file opened by an engine."""

    engine: EngineName
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs once; arrays in the order, shape and type of `inputs`, results as `outputs`."""
        ...


class BindableSession(Session, Protocol):
    """A session that can also run on inputs set beforehand, which is what timing measures.

    Attributes:
        provider: what computes, as the engine says after it was opened.
    """

    provider: Provider

    def bind(self, feeds: Sequence[NDArray[Any]]) -> Callable[[], None]:
        """Sets the inputs once; the function it gives runs the net and nothing else."""
        ...


@runtime_checkable
class ManyRuns(Protocol):
    """A session for which a call costs much: it takes many runs in one."""

    def run_many(self, feeds: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
        """Runs once for each element of `feeds`."""
        ...


#: Opens a model file: `open_session` here, or on a device.
Opener = Callable[[Path, SessionOptions], Session]


def run_each(session: Session, feeds: Iterable[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
    """Runs once for each element of `feeds`, in one call where the session prefers that."""
    if isinstance(session, ManyRuns):
        return session.run_many(list(feeds))
    return [session.run(feed) for feed in feeds]
