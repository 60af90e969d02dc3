"""A file on every engine, with and without its optimizations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import GraphOptimizationLevel

from tests.export.tflite import engines

LEVELS = (
    GraphOptimizationLevel.ORT_DISABLE_ALL,
    GraphOptimizationLevel.ORT_ENABLE_BASIC,
    GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    GraphOptimizationLevel.ORT_ENABLE_ALL,
)


def onnx_results(path: Path, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What onnxruntime gives at each optimization level."""
    results = []
    for level in LEVELS:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options)
        results.append(session.run(None, {"input": x})[0])
    return results


def tflite_results(data: bytes, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What LiteRT gives with XNNPACK and on its reference kernels."""
    makes = (engines.xnnpack, engines.reference_kernels)
    return [engines.run(make, data, {"input": x})["logits"] for make in makes]
