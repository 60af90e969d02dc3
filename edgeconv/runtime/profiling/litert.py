"""LiteRT's profiler, through the C interface of the library that ai-edge-litert ships.

Its Python interface offers none. With the profiler on, XNNPACK tells of each operator it made, by
its microkernel's name: it joins operators and adds some of its own, so they are not the file's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, UnavailableError
from edgeconv.runtime.chatter import routine_silenced
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.litert import LiteRtSession, import_engine
from edgeconv.runtime.session import SessionOptions

_CPU = 1
_TO_WRITE = 1
_MOST_RANK = 8
_Handle = ctypes.c_void_p
#: Sets of options that LiteRT knows by these words; their content is TOML.
_THREADS, _RUNTIME = b"xnnpack", b"runtime_options_string"
#: Types of events: an operator that the interpreter runs, and one inside of a delegate. Others are
#: of the run as a whole.
_OPERATORS = (2, 8)


class _TensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = (
        ("element", ctypes.c_int),
        ("rank_and_strides", ctypes.c_uint),
        ("shape", ctypes.c_int * _MOST_RANK),
        ("strides", ctypes.c_uint * _MOST_RANK),
    )


class _Event(ctypes.Structure):
    """ProfiledEventData."""

    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_uint64 * 6),
        ("number", ctypes.c_uint64),
        ("other", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


def operators(
    path: Path, threads: int, warmup_runs: int, runs: int
) -> Iterator[tuple[str, list[float]]]:
    """Kind and the ms of each run of every operator, in the order they run.

    Raises:
        ArtifactRefused: the file cannot be loaded or run.
        UnavailableError: LiteRT is not installed, or its library has no profiler.
    """
    opened = LiteRtSession(path, SessionOptions(threads=threads))
    feeds = random_inputs(opened, seed=0)
    with routine_silenced():
        profiled = _Profiled(path, threads)
        measured = profiled.runs(feeds, warmup_runs, runs)
        profiled.close()
    if len({tuple(kind for kind, _ in run) for run in measured}) != 1 or not measured[0]:
        raise ArtifactRefused(f"{path}: LiteRT tells of other operators in every run")
    for events in zip(*measured, strict=True):
        yield events[0][0], [us / 1e3 for _, us in events]


class _Profiled:
    """A compiled model with the profiler on."""

    def __init__(self, path: Path, threads: int) -> None:
        module = import_engine(str(path))
        self._path = path
        self._library = ctypes.CDLL(str(Path(module.__file__).with_name("libLiteRt.so")))
        self._environment, model, self._compiled = _Handle(), _Handle(), _Handle()
        options, self._graph = _Handle(), _Handle()
        self._call("CreateEnvironment", 0, None, ctypes.byref(self._environment))
        name = str(path).encode()
        self._call("CreateModelFromFile", self._environment, name, ctypes.byref(model))
        self._call("CreateOptions", ctypes.byref(options))
        self._call("SetOptionsHardwareAccelerators", options, _CPU)
        self._add(options, _THREADS, f"num_threads = {threads}\n")
        self._add(options, _RUNTIME, "enable_profiling = true\n")
        self._call(
            "CreateCompiledModel", self._environment, model, options, ctypes.byref(self._compiled)
        )
        self._call("GetModelSubgraph", model, ctypes.c_size_t(0), ctypes.byref(self._graph))
        self._profiler = _Handle()
        self._call("CompiledModelGetProfiler", self._compiled, ctypes.byref(self._profiler))
        if not self._profiler:
            raise UnavailableError("this version of LiteRT gives no profiler; 2.3 does")

    def runs(
        self, feeds: list[NDArray[Any]], warmup_runs: int, count: int
    ) -> list[list[tuple[str, int]]]:
        """Kind and microseconds of every operator in every run, in the order they ran."""
        inputs, outputs = self._buffers("Input"), self._buffers("Output")
        for buffer, feed in zip(inputs, feeds, strict=True):
            self._fill(_Handle(buffer), feed)
        for _ in range(warmup_runs):
            self._run(inputs, outputs)
        return [self._profiled_run(inputs, outputs) for _ in range(count)]

    def close(self) -> None:
        """Frees the model, whose events take tens of megabytes; nothing else may be called then."""
        self._library.LiteRtDestroyCompiledModel(self._compiled)

    def _profiled_run(self, inputs: Any, outputs: Any) -> list[tuple[str, int]]:
        self._call("StartProfiler", self._profiler)
        self._run(inputs, outputs)
        self._call("StopProfiler", self._profiler)
        found = [
            (event.tag.decode(errors="replace"), event.elapsed_us)
            for event in self._read()
            if event.type in _OPERATORS
        ]
        self._call("ResetProfiler", self._profiler)
        return found

    def _read(self) -> Iterator[_Event]:
        count = ctypes.c_int()
        self._call("GetNumProfilerEvents", self._profiler, ctypes.byref(count))
        events = (_Event * count.value)()
        self._call("GetProfilerEvents", self._profiler, count, events)
        yield from events

    def _run(self, inputs: Any, outputs: Any) -> None:
        sizes = ctypes.c_size_t(len(inputs)), ctypes.c_size_t(len(outputs))
        first = ctypes.c_size_t(0)
        self._call("RunCompiledModel", self._compiled, first, sizes[0], inputs, sizes[1], outputs)

    def _buffers(self, end: str) -> Any:
        count = ctypes.c_size_t()
        self._call(f"GetNumSubgraph{end}s", self._graph, ctypes.byref(count))
        buffers = (_Handle * count.value)()
        for i in range(count.value):
            index, kind = ctypes.c_size_t(i), _TensorType()
            tensor, needs, buffer = _Handle(), _Handle(), _Handle()
            self._call(f"GetSubgraph{end}", self._graph, index, ctypes.byref(tensor))
            self._call("GetRankedTensorType", tensor, ctypes.byref(kind))
            self._call(
                f"GetCompiledModel{end}BufferRequirements",
                self._compiled,
                ctypes.c_size_t(0),
                index,
                ctypes.byref(needs),
            )
            self._call(
                "CreateManagedTensorBufferFromRequirements",
                self._environment,
                ctypes.byref(kind),
                needs,
                ctypes.byref(buffer),
            )
            buffers[i] = buffer.value
        return buffers

    def _fill(self, buffer: _Handle, feed: NDArray[Any]) -> None:
        size, address = ctypes.c_size_t(), _Handle()
        self._call("GetTensorBufferPackedSize", buffer, ctypes.byref(size))
        if size.value != feed.nbytes:
            raise ArtifactRefused(f"{self._path}: an input of {size.value} bytes was not expected")
        self._call("LockTensorBuffer", buffer, ctypes.byref(address), _TO_WRITE)
        ctypes.memmove(address, np.ascontiguousarray(feed).ctypes.data, size.value)
        self._call("UnlockTensorBuffer", buffer)

    def _add(self, options: _Handle, words: bytes, content: str) -> None:
        """Adds a set of options; LiteRT frees its content with C's own `free`."""
        system = ctypes.CDLL(None)
        system.strdup.restype = _Handle
        text, added = _Handle(system.strdup(content.encode())), _Handle()
        self._call("CreateOpaqueOptions", words, text, system.free, ctypes.byref(added))
        self._call("AddOpaqueOptions", options, added)

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, f"LiteRt{name}")
        except AttributeError as error:
            raise UnavailableError(f"this LiteRT has no LiteRt{name}; 2.3 has") from error
        status = function(*arguments)
        if status:
            raise ArtifactRefused(f"{self._path}: LiteRT cannot be profiled ({name}: {status})")
