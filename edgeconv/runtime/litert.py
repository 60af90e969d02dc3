"""LiteRT (TFLite) sessions: XNNPACK, the built-in kernels, or the reference kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, MemoryRefused, UnavailableError, UsageError
from edgeconv.runtime.chatter import routine_silenced
from edgeconv.runtime.feeds import check_feeds
from edgeconv.runtime.session import EngineName, Provider, SessionOptions, TensorSpec

#: The flatbuffer file identifier of the TFLite schema, at byte 4.
IDENTIFIER = b"TFL3"
#: Flatbuffer offsets are signed 32-bit.
MAX_FILE_BYTES = 2**31 - 1
#: No tensor of a net that runs on a phone or a small board comes near this, 300 photos at once
#: included. A damaged shape otherwise makes the engine allocate, and fill, as much as it claims.
MAX_TENSOR_BYTES = 2**30


class LiteRtSession:
    """A .tflite file opened by LiteRT's interpreter.

    Attributes:
        engine: "litert".
        inputs: what the file takes, in its own order.
        outputs: what the file gives, in its own order.
    """

    engine: EngineName = "litert"
    provider: Provider = "cpu"

    def __init__(self, path: Path, options: SessionOptions) -> None:
        """Opens `path`; `open_session` checks that it is a readable file.

        Raises:
            ArtifactRefused: not a TFLite file, damaged, or an operator has no kernel.
            UnavailableError: ai-edge-litert is not installed.
        """
        check_header(path)
        self._path = path
        self._options = options
        try:
            with routine_silenced():
                self._interpreter = _interpreter(path, options)
                _check_tensor_sizes(path, self._interpreter.get_tensor_details())
                self._interpreter.allocate_tensors()
            in_names, out_names = self._signature_names()
        except (ValueError, RuntimeError, MemoryError) as error:
            raise self._refusal("load", error) from error
        ins, outs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._in_indices = [int(d["index"]) for d in ins]
        self._out_indices = [int(d["index"]) for d in outs]
        self.inputs: tuple[TensorSpec, ...] = tuple(_spec(d, in_names) for d in ins)
        self.outputs: tuple[TensorSpec, ...] = tuple(_spec(d, out_names) for d in outs)

    def run(self, feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs once; arrays in the order, shape and type of `inputs`, results as `outputs`."""
        check_feeds(self.inputs, feeds)
        for index, feed in zip(self._in_indices, feeds, strict=True):
            self._interpreter.set_tensor(index, feed)
        self._invoke()
        return [self._interpreter.get_tensor(i) for i in self._out_indices]

    def bind(self, feeds: Sequence[NDArray[Any]]) -> Callable[[], None]:
        """Sets the inputs once; the function it gives runs the net and nothing else."""
        check_feeds(self.inputs, feeds)
        for index, feed in zip(self._in_indices, feeds, strict=True):
            self._interpreter.set_tensor(index, feed)
        return self._invoke

    def tensor_specs(self) -> Mapping[str, TensorSpec]:
        """Every named tensor of the file with per-tensor parameters, constants included."""
        details = self._interpreter.get_tensor_details()
        return {d["name"]: _spec(d, {}) for d in details if d["name"]}

    def read_tensor(self, name: str) -> NDArray[Any]:
        """The raw array a tensor holds after the last run, in the file's type and layout.

        Raises:
            UsageError: the session was opened without `keep_tensors`, or holds no such tensor.
        """
        if not self._options.keep_tensors:
            raise UsageError("tensors are kept only with SessionOptions(keep_tensors=True)")
        if name not in self._indices:
            raise UsageError(f"{self._path} holds no tensor named {name}")
        array: NDArray[Any] = self._interpreter.get_tensor(self._indices[name])
        return array

    @cached_property
    def _indices(self) -> Mapping[str, int]:
        """Tensor name -> index; of tensors of one name the first."""
        details = self._interpreter.get_tensor_details()
        return {d["name"]: int(d["index"]) for d in reversed(details)}

    def _invoke(self) -> None:
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError, MemoryError) as error:
            raise self._refusal("run", error) from error

    def _refusal(self, what: str, error: Exception) -> ArtifactRefused:
        """LiteRT gives a reason for its errors, but for a tensor that there is no memory for."""
        said = f"{self._path}: LiteRT cannot {what} it"
        reason = next(iter(str(error).strip().splitlines()), "")
        if not reason or isinstance(error, MemoryError):
            return MemoryRefused(f"{said}: no reason but that it asks for more memory than is free")
        return ArtifactRefused(f"{said}: {reason}")

    def _signature_names(self) -> tuple[dict[int, str], dict[int, str]]:
        """Tensor index -> name in the file's first signature, for inputs and outputs."""
        signatures = self._interpreter.get_signature_list()
        if not signatures:
            return {}, {}
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        ins, outs = runner.get_input_details(), runner.get_output_details()
        return (
            {int(d["index"]): name for name, d in ins.items()},
            {int(d["index"]): name for name, d in outs.items()},
        )


def check_header(path: Path) -> None:
    """Raises ArtifactRefused unless size and identifier are those of a TFLite file."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ArtifactRefused(f"{path}: {size} bytes; a TFLite file holds at most {MAX_FILE_BYTES}")
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:8] != IDENTIFIER:
        raise ArtifactRefused(f"{path} is no TFLite file: bytes 4 to 8 are not TFL3")


def import_engine(label: str) -> Any:
    """LiteRT's interpreter module; raises UnavailableError, naming `label`, where there is none."""
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise UnavailableError(
            f"{label} needs LiteRT, which cannot be imported ({error}); pip install ai-edge-litert"
        ) from error
    return interpreter


def _interpreter(path: Path, options: SessionOptions) -> Any:
    module = import_engine(str(path))
    resolver = module.OpResolverType.AUTO
    if options.kernels == "reference":
        resolver = module.OpResolverType.BUILTIN_REF
    elif options.keep_tensors:
        resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return module.Interpreter(
        model_path=str(path),
        num_threads=options.threads,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=options.keep_tensors,
    )


def _check_tensor_sizes(path: Path, details: Sequence[Mapping[str, Any]]) -> None:
    for detail in details:
        shape = [int(d) for d in detail["shape"]]
        size = math.prod(shape) * np.dtype(detail["dtype"]).itemsize
        if any(d < 0 for d in shape) or size > MAX_TENSOR_BYTES:
            raise MemoryRefused(
                f"{path}: tensor {detail['name']} claims the shape {shape}, {size >> 20} MiB; "
                f"the limit is {MAX_TENSOR_BYTES >> 20} MiB"
            )


def _spec(detail: Mapping[str, Any], names: Mapping[int, str]) -> TensorSpec:
    parameters = detail["quantization_parameters"]
    per_tensor = len(parameters["scales"]) == 1
    return TensorSpec(
        name=names.get(int(detail["index"]), str(detail["name"])),
        shape=tuple(int(d) for d in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        scale=float(parameters["scales"][0]) if per_tensor else None,
        zero_point=int(parameters["zero_points"][0]) if per_tensor else None,
    )
