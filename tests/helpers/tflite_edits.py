"""Changes a .tflite file through the format's own schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

_TYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT32: np.int32,
}


def edited(path: Path, change: Callable[[Any], None]) -> None:
    """Rewrites a file after `change` was applied to its ModelT."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    change(model)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def tensor_named(model: Any, name: str) -> Any:
    (found,) = (t for t in model.subgraphs[0].tensors if t.name.decode() == name)
    return found


def change_constant(model: Any, name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Gives a constant other values of the same shape and type."""
    tensor = tensor_named(model, name)
    buffer = model.buffers[tensor.buffer]
    dtype = _TYPES[tensor.type]
    array = np.frombuffer(bytes(buffer.data), dtype).reshape(tensor.shape).copy()
    buffer.data = np.frombuffer(change(array).astype(dtype).tobytes(), np.uint8)
