"""Operators that move integers and compute no new ones."""

from __future__ import annotations

#: Operators that copy integers from their first input to their outputs, or average or compare them.
#: GlobalAveragePool and ReduceMean become TFLite's MEAN, which rescales, and are none of them.
PASSING = frozenset(
    {
        "AveragePool",
        "DepthToSpace",
        "Flatten",
        "Gather",
        "MaxPool",
        "Pad",
        "Relu",
        "Clip",
        "Reshape",
        "Resize",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
        "Upsample",
        "Expand",
    }
)
