"""The interpreters that judge a file, and what they find in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgeconv.runtime.profiling import litert as profiling

Array = NDArray[Any]
Make = Callable[[bytes], Any]


def xnnpack(data: bytes) -> Any:
    """LiteRT as an app gets it."""
    return Interpreter(model_content=data, num_threads=1)


def reference_kernels(data: bytes) -> Any:
    """LiteRT's reference kernels."""
    return Interpreter(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)


def tensorflow_kernels(data: bytes) -> Any:
    """TensorFlow's own interpreter and reference kernels; importing it takes seconds."""
    from tensorflow.lite.python import interpreter

    return interpreter.Interpreter(
        model_content=data,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_REF,
    )


ENGINES: dict[str, Make] = {
    "xnnpack": xnnpack,
    "reference": reference_kernels,
    "tensorflow": tensorflow_kernels,
}


def run(make: Make, data: bytes, inputs: dict[str, Array]) -> dict[str, Array]:
    """Runs a file by its signature on arrays in the hub's layout; gives them back in it."""
    interpreter = make(data)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner("serving_default")
    outputs = runner(**{name: to_file(array) for name, array in inputs.items()})
    return {name: from_file(array) for name, array in outputs.items()}


def to_file(array: Array) -> Array:
    """NCHW to NHWC."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array


def from_file(array: Array) -> Array:
    """NHWC to NCHW."""
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def _undelegated(data: bytes) -> Any:
    return Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def operators(data: bytes) -> list[str]:
    """Names of a file's operators, in order."""
    return [detail["op_name"] for detail in details(data)]


def details(data: bytes) -> list[dict[str, Any]]:
    """What LiteRT tells of each operator of a file: "op_name", "inputs" and "outputs"."""
    found: list[dict[str, Any]] = _undelegated(data)._get_ops_details()
    return found


def is_wholly_delegated(data: bytes) -> bool:
    """Whether XNNPACK runs the whole file as one piece."""
    return delegated(data) == [set(range(len(details(data))))]


def delegated(data: bytes) -> list[set[int]]:
    """The places of a file's operators that XNNPACK runs, a set for each piece of it."""
    interpreter = xnnpack(data)
    interpreter.allocate_tensors()
    pieces = [d for d in interpreter._get_ops_details() if d["op_name"] == "DELEGATE"]
    operators = details(data)
    makers = {tensor: place for place, d in enumerate(operators) for tensor in d["outputs"]}
    return [_inside(piece, operators, makers) for piece in pieces]


def _inside(
    piece: dict[str, Any], operators: list[dict[str, Any]], makers: dict[int, int]
) -> set[int]:
    """The operators between what a piece reads and what it writes."""
    found: set[int] = set()
    wanted = list(piece["outputs"])
    while wanted:
        tensor = wanted.pop()
        if tensor in piece["inputs"] or tensor not in makers or makers[tensor] in found:
            continue
        found.add(makers[tensor])
        wanted += operators[makers[tensor]]["inputs"].tolist()
    return found


def profiled(data: bytes) -> list[str]:
    """The operators that LiteRT really runs, XNNPACK's own among them, in order."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.tflite"
        path.write_bytes(data)
        return [kind for kind, _ in profiling.operators(path, threads=1, warmup_runs=0, runs=1)]


def tensors(data: bytes) -> dict[str, dict[str, Any]]:
    """Every tensor's details, by name."""
    return {d["name"]: d for d in _undelegated(data).get_tensor_details()}
