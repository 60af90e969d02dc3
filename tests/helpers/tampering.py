"""Changes one thing in a model file that stands in a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import numpy_helper

Change = Callable[[NDArray[Any]], NDArray[Any]]

_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT32: np.int32,
}


def change_onnx(path: Path, initializer: str, change: Change) -> None:
    """Rewrites an ONNX file with one initializer changed."""
    proto = onnx.load(path)
    stored = next(i for i in proto.graph.initializer if i.name == initializer)
    array = change(numpy_helper.to_array(stored).copy())
    stored.CopyFrom(numpy_helper.from_array(array, initializer))
    onnx.save(proto, path)


def change_tflite_scale(path: Path, tensor: str, change: Change) -> None:
    """Rewrites a TFLite file with the scales of one tensor changed."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    found = _tensor(model, tensor)
    scale = np.array(found.quantization.scale, np.float32)
    found.quantization.scale = change(scale).astype(np.float32)
    _write(model, path)


def change_tflite_data(path: Path, tensor: str, change: Change) -> None:
    """Rewrites a TFLite file with one constant changed, in the file's layout."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    found = _tensor(model, tensor)
    buffer = model.buffers[found.buffer]
    array = np.frombuffer(bytes(bytearray(buffer.data)), _DTYPES[found.type])
    changed = change(array.reshape(found.shape).copy())
    buffer.data = np.frombuffer(changed.tobytes(), np.uint8)
    _write(model, path)


def _tensor(model: Any, name: str) -> Any:
    return next(t for t in model.subgraphs[0].tensors if t.name.decode() == name)


def _write(model: Any, path: Path) -> None:
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
