"""onnxruntime sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, UnavailableError, UsageError
from edgeconv.runtime import external_data, memory, onnx_functions
from edgeconv.runtime.feeds import check_feeds
from edgeconv.runtime.ort_provider import Opening, refusal
from edgeconv.runtime.session import EngineName, Provider, SessionOptions, TensorSpec

#: A protobuf message holds less than 2 GiB; edgeconv writes no external data.
MAX_FILE_BYTES = 2**31 - 1

#: Errors are raised with the same words, and not written past Python.
_FATAL_ONLY = 4
#: What onnxruntime calls the memory of a GPU.
_GPU_MEMORY = ("cuda", 0)

DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(int16)": np.int16,
    "tensor(uint16)": np.uint16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class OrtSession:
    """An .onnx file opened by onnxruntime, on the provider asked for and no other.

    Attributes:
        engine: "onnxruntime".
        provider: what computes.
        inputs: what the file takes; a symbolic batch size counts as 1.
        outputs: what the file gives.
    """

    engine: EngineName = "onnxruntime"

    def __init__(
        self,
        source: Path | bytes,
        options: SessionOptions,
        *,
        profile: Path | None = None,
        label: str | None = None,
    ) -> None:
        """Opens a file, or a model held in memory.

        Args:
            source: the model.
            options: how to run it.
            profile: where the engine's profiler writes, a prefix; None leaves it off.
            label: what the model is called in a message, if not by its path.

        Raises:
            ArtifactRefused: no ONNX model, damaged, reaches for files outside its folder, unfolds
                to more nodes than any net has, or an operator has no kernel.
            UnavailableError: onnxruntime is not installed, or has not the provider.
            UsageError: `keep_tensors`, which this engine cannot do.
        """
        of_itself = str(source) if isinstance(source, Path) else "the model in memory"
        self._label = label or of_itself
        if options.keep_tensors:
            raise UsageError("keep_tensors works with .tflite files only; onnxruntime keeps none")
        if isinstance(source, bytes):
            external_data.check_whole(source, self._label)
        else:
            if source.stat().st_size > MAX_FILE_BYTES:
                raise ArtifactRefused(
                    f"{source}: an ONNX file holds at most {MAX_FILE_BYTES} bytes"
                )
            external_data.check(source)
        onnx_functions.check(source, self._label)
        ort = import_engine(self._label)
        self._ort = ort
        self._failures = failures(ort)
        self.provider: Provider = options.provider
        self._session = Opening(
            ort,
            source,
            lambda: _session_options(ort, options, profile),
            options.provider,
            self._failures,
            self._label,
        ).session()
        self.inputs: tuple[TensorSpec, ...] = tuple(map(self._spec, self._session.get_inputs()))
        self.outputs: tuple[TensorSpec, ...] = tuple(map(self._spec, self._session.get_outputs()))
        memory.check_fits(self._label, (*self.inputs, *self.outputs))

    def run(self, feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs once; arrays in the order, shape and type of `inputs`, results as `outputs`."""
        check_feeds(self.inputs, feeds)
        named = {spec.name: feed for spec, feed in zip(self.inputs, feeds, strict=True)}
        try:
            return list(self._session.run(None, named))
        except self._failures as error:
            raise self._refusal(error) from error

    def bind(self, feeds: Sequence[NDArray[Any]]) -> Callable[[], None]:
        """Binds inputs and outputs once; the function it gives runs the net and nothing else.

        On a GPU both stay in its memory, and the function waits until it has finished.
        """
        check_feeds(self.inputs, feeds)
        binding = self._session.io_binding()
        on_gpu = self.provider != "cpu"
        for spec, feed in zip(self.inputs, feeds, strict=True):
            array = np.ascontiguousarray(feed)
            if on_gpu:
                there = self._ort.OrtValue.ortvalue_from_numpy(array, *_GPU_MEMORY)
                binding.bind_ortvalue_input(spec.name, there)
            else:
                binding.bind_cpu_input(spec.name, array)
        for spec in self.outputs:
            binding.bind_output(spec.name, *(_GPU_MEMORY if on_gpu else ()))
        if on_gpu:
            binding.synchronize_inputs()

        def invoke() -> None:
            try:
                self._session.run_with_iobinding(binding)
                if on_gpu:
                    binding.synchronize_outputs()
            except self._failures as error:
                raise self._refusal(error) from error

        return invoke

    def end_profiling(self) -> Path:
        """Ends the engine's profiler; gives the file it wrote, JSON."""
        return Path(self._session.end_profiling())

    def _refusal(self, error: Exception) -> ArtifactRefused:
        return refusal(self._label, "run", error)

    def _spec(self, argument: Any) -> TensorSpec:
        if argument.type not in DTYPES:
            raise ArtifactRefused(
                f"{self._label}: {argument.name} is {argument.type}; known are {', '.join(DTYPES)}"
            )
        shape = list(argument.shape)
        if shape and not isinstance(shape[0], int):
            shape[0] = 1
        if not all(isinstance(d, int) and d >= 0 for d in shape):
            raise ArtifactRefused(
                f"{self._label}: {argument.name} has no static shape ({argument.shape}); "
                "only the batch size may be symbolic"
            )
        return TensorSpec(argument.name, tuple(shape), np.dtype(DTYPES[argument.type]))


def import_engine(label: str) -> Any:
    """The onnxruntime package; raises UnavailableError, naming `label`, where there is none."""
    try:
        import onnxruntime
    except ImportError as error:
        raise UnavailableError(
            f"{label} needs onnxruntime, which cannot be imported ({error}); "
            "pip install onnxruntime"
        ) from error
    return onnxruntime


def _session_options(ort: Any, options: SessionOptions, profile: Path | None) -> Any:
    chosen = ort.SessionOptions()
    if profile is not None:
        chosen.enable_profiling = True
        chosen.profile_file_prefix = str(profile)
    chosen.intra_op_num_threads = options.threads
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = _FATAL_ONLY
    if options.kernels == "reference":
        chosen.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return chosen


def failures(ort: Any) -> tuple[type[Exception], ...]:
    """Every exception class onnxruntime's binding defines, and what its wrapper raises itself."""
    binding = ort.capi.onnxruntime_pybind11_state
    own = (
        value
        for value in vars(binding).values()
        if isinstance(value, type) and issubclass(value, Exception)
    )
    return (*own, RuntimeError, ValueError, MemoryError)
