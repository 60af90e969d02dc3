"""Which of the rules that TFLite has a Resize samples by, if any.

TFLite knows three rules for where an output pixel samples an image. A Resize whose places are those
of one of them stays an operator; every other one becomes what it multiplies each axis by.

Source: ONNX's Resize specification; TensorFlow Lite's reference kernels of both operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import constant_of, input_of, integer, ints, shape_of, string

Places = NDArray[np.float64]
#: Pixels from the image's corner; from their centres; the outermost pixels on each other.
Rule = Literal["corner", "half", "aligned"]
_RULES: tuple[Rule, ...] = get_args(Rule)

_ROUNDINGS: Mapping[str, Any] = MappingProxyType(
    {
        "ceil": np.ceil,
        "floor": np.floor,
        "round_prefer_ceil": lambda places: np.floor(places + 0.5),
        "round_prefer_floor": lambda places: np.ceil(places - 0.5),
    }
)


def rule_of(node: ir.Node) -> Rule | None:
    """By which rule of TFLite's a Resize samples height and width; None where by none of them."""
    shape, new_shape = shape_of(input_of(node)), shape_of(node.outputs[0])
    mode = string(node, "mode", "nearest")
    is_plain = mode in ("nearest", "linear") and not integer(node, "antialias", 0)
    if not is_plain or len(shape) != 4 or shape[:2] != new_shape[:2]:
        return None
    pairs = [(shape[axis], new_shape[axis]) for axis in (2, 3)]
    wanted = [_places(node, *pair, _ratio(node, axis, *pair)) for axis, pair in enumerate(pairs, 2)]
    for rule in _RULES:
        given = [_places_by(rule, *pair, mode == "nearest") for pair in pairs]
        if all(
            w is not None and np.allclose(g, w, atol=1e-5)
            for g, w in zip(given, wanted, strict=True)
        ):
            return rule
    return None


def scale_of(node: ir.Node, axis: int) -> float | None:
    """The factor that a Resize states for an axis; None where it states sizes."""
    scales = constant_of(node.inputs[2]) if len(node.inputs) > 2 else None
    if scales is None or scales.size == 0:
        return None
    rank = len(shape_of(input_of(node)))
    axes = [a % rank for a in ints(node, "axes", range(rank))]
    return float(scales[axes.index(axis)]) if axis in axes else 1.0


def _ratio(node: ir.Node, axis: int, size: int, new_size: int) -> float:
    """Input pixels per output pixel: by the scale the node states, else by the sizes."""
    scale = scale_of(node, axis)
    return size / new_size if scale is None else 1 / scale


def _places(node: ir.Node, size: int, new_size: int, ratio: float) -> Places | None:
    """Where each output pixel samples the input, as ONNX states it, clamped to the image.

    None where that is not between the image's ends.
    """
    x = np.arange(new_size, dtype=np.float64)
    rule = string(node, "coordinate_transformation_mode", "half_pixel")
    if rule == "half_pixel" or (rule == "pytorch_half_pixel" and new_size > 1):
        places = (x + 0.5) * ratio - 0.5
    elif rule == "align_corners" and new_size > 1:
        places = x * (size - 1) / (new_size - 1)
    elif rule == "asymmetric":
        places = x * ratio
    elif rule in ("pytorch_half_pixel", "align_corners"):
        places = x * 0
    else:
        return None
    if string(node, "mode", "nearest") == "nearest":
        places = _ROUNDINGS[string(node, "nearest_mode", "round_prefer_floor")](places)
    clipped: Places = np.clip(places, 0, size - 1)
    return clipped


def _places_by(rule: Rule, size: int, new_size: int, nearest: bool) -> Places:
    x, ratio = np.arange(new_size, dtype=np.float64), size / new_size
    if rule == "aligned" and new_size > 1:
        ratio = (size - 1) / (new_size - 1)
    if nearest:
        places = (x + (0.5 if rule == "half" else 0.0)) * ratio
        places = np.floor(places + 0.5) if rule == "aligned" else np.floor(places)
    else:
        places = (x + 0.5) * ratio - 0.5 if rule == "half" else x * ratio
    clipped: Places = np.clip(places, 0, size - 1)
    return clipped
