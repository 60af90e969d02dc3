"""Small ONNX files for tests of what reads operators, written with onnx alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Node = tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]


def node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str] | None = None, **attributes: Any
) -> Node:
    """An operator; its output is called like its first input and its kind where none is given."""
    return kind, inputs, outputs or [f"{inputs[0]}_{kind.lower()}"], attributes


def write_onnx(
    path: Path,
    nodes: Sequence[Node],
    constants: Mapping[str, Any],
    *,
    shape: Sequence[int | str] = (1, 8, 4, 4),
    outputs: Sequence[str] = ("y",),
) -> Path:
    """A float32 file with the input `x`; the shapes of everything else are left to inference."""
    graph = helper.make_graph(
        [helper.make_node(k, i, o, name=o[0], **a) for k, i, o, a in nodes],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def weights(out: int, into: int, kernel: int = 1) -> Any:
    """Weights of a convolution, float32 (out, into, kernel, kernel)."""
    drawn = np.random.default_rng(0).standard_normal((out, into, kernel, kernel))
    return drawn.astype(np.float32)
