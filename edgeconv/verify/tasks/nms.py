"""Non-maximum suppression, by onnxruntime's operator: a library that edgeconv runs with anyway.

torchvision's does not load beside every build of PyTorch, and TensorFlow is no dependency.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgeconv.quantize.observe.session import open_proto


def kept_boxes(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    *,
    iou: float,
    least_score: float,
    most: int,
) -> NDArray[np.int64]:
    """(kept, 2): class and box of what is left, class by class, the best first.

    Args:
        boxes: (boxes, 4), two opposite corners each.
        scores: (classes, boxes).
        iou: boxes of one class that overlap a better one by more than this are dropped.
        least_score: others must exceed it.
        most: of each class.
    """
    if not scores.size:
        return np.zeros((0, 2), np.int64)
    feeds = {
        "boxes": boxes[None].astype(np.float32),
        "scores": scores[None].astype(np.float32),
        "most": np.array([most], np.int64),
        "iou": np.array([iou], np.float32),
        "least_score": np.array([least_score], np.float32),
    }
    found: NDArray[np.int64] = _session().run(None, feeds)[0]
    return found[:, 1:]


@lru_cache(maxsize=1)
def _session() -> Any:
    inputs: dict[str, tuple[int, list[int | None]]] = {
        "boxes": (TensorProto.FLOAT, [1, None, 4]),
        "scores": (TensorProto.FLOAT, [1, None, None]),
        "most": (TensorProto.INT64, [1]),
        "iou": (TensorProto.FLOAT, [1]),
        "least_score": (TensorProto.FLOAT, [1]),
    }
    graph = helper.make_graph(
        [helper.make_node("NonMaxSuppression", list(inputs), ["kept"])],
        "nms",
        [
            helper.make_tensor_value_info(name, kind, shape)
            for name, (kind, shape) in inputs.items()
        ],
        [helper.make_tensor_value_info("kept", TensorProto.INT64, [None, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return open_proto(model)
