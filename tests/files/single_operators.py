"""TFLite programs of one operator that no lowering writes, so that LiteRT can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgeconv.export.tflite import flatbuffer
from edgeconv.export.tflite.assembler import Assembler
from edgeconv.export.tflite.program import Program, Quantization, Tensor, computed
from edgeconv.export.tflite.schema import schema

SHAPE = (1, 6, 8, 4)
GRID = Quantization.per_tensor(0.05, 0)
#: Zero points of 0 are what BATCH_MATMUL wants; 7 is what it does not.
SHIFTED = Quantization.per_tensor(0.05, 7)

Shape = tuple[int, ...]
More = Callable[[Assembler, Tensor], list[Tensor]]


def nothing(_: Assembler, x: Tensor) -> list[Tensor]:
    return [x]


def twice(_: Assembler, x: Tensor) -> list[Tensor]:
    return [x, x]


def by(*values: Any) -> More:
    return lambda a, x: [x, *(a.ints(f"setting{i}", value) for i, value in enumerate(values))]


def _window(size: int) -> Any:
    return schema.Pool2DOptionsT(
        filterHeight=size, filterWidth=size, strideH=2, strideW=2, padding=1
    )


#: By name: code, options, shape of each output, inputs.
SINGLE: Mapping[str, tuple[str, Any, tuple[Shape, ...], More]] = {
    "BATCH_MATMUL": (
        *("BATCH_MATMUL", schema.BatchMatMulOptionsT(adjY=True)),
        *(((1, 6, 8, 8),), twice),
    ),
    "SQUEEZE": ("SQUEEZE", schema.SqueezeOptionsT(squeezeDims=[0]), ((6, 8, 4),), nothing),
    "EXPAND_DIMS": ("EXPAND_DIMS", schema.ExpandDimsOptionsT(), ((1, *SHAPE),), by(np.array(0))),
    "SPLIT_V": (
        *("SPLIT_V", schema.SplitVOptionsT(numSplits=2)),
        *(((1, 6, 8, 2),) * 2, by([2, 2], np.array(3))),
    ),
    "SPLIT in 4": (
        *("SPLIT", schema.SplitOptionsT(numSplits=4), ((1, 6, 2, 4),) * 4),
        lambda a, x: [a.ints("axis", np.array(2)), x],
    ),
    "SPLIT in 6": (
        *("SPLIT", schema.SplitOptionsT(numSplits=6), ((1, 1, 8, 4),) * 6),
        lambda a, x: [a.ints("axis", np.array(1)), x],
    ),
    "CONCATENATION of 5": (
        *("CONCATENATION", schema.ConcatenationOptionsT(axis=3), ((1, 6, 8, 20),)),
        lambda _, x: [x] * 5,
    ),
    "CONCATENATION of 6": (
        *("CONCATENATION", schema.ConcatenationOptionsT(axis=3), ((1, 6, 8, 24),)),
        lambda _, x: [x] * 6,
    ),
    "PACK": ("PACK", schema.PackOptionsT(axis=0, valuesCount=2), ((2, *SHAPE),), twice),
    "UNPACK": ("UNPACK", schema.UnpackOptionsT(axis=1, num=6), ((1, 8, 4),) * 6, nothing),
    "STRIDED_SLICE in ones": (
        *("STRIDED_SLICE", schema.StridedSliceOptionsT(), ((1, 3, 8, 4),)),
        by([0, 1, 0, 0], [1, 4, 8, 4], [1, 1, 1, 1]),
    ),
    "STRIDED_SLICE in twos": (
        *("STRIDED_SLICE", schema.StridedSliceOptionsT(), ((1, 3, 8, 4),)),
        by([0, 0, 0, 0], [1, 6, 8, 4], [1, 2, 1, 1]),
    ),
    "REVERSE_V2": ("REVERSE_V2", schema.ReverseV2OptionsT(), (SHAPE,), by([1])),
    "SPACE_TO_BATCH_ND": (
        *("SPACE_TO_BATCH_ND", schema.SpaceToBatchNDOptionsT(), ((4, 3, 4, 4),)),
        by([2, 2], [[0, 0], [0, 0]]),
    ),
    "ADD_N": ("ADD_N", schema.AddNOptionsT(), (SHAPE,), twice),
    "SQUARE": ("SQUARE", schema.SquareOptionsT(), (SHAPE,), nothing),
    "SQUARED_DIFFERENCE": (
        *("SQUARED_DIFFERENCE", schema.SquaredDifferenceOptionsT(), (SHAPE,), twice),
    ),
    "DIV": ("DIV", schema.DivOptionsT(), (SHAPE,), twice),
    "NEG": ("NEG", schema.NegOptionsT(), (SHAPE,), nothing),
    **{
        name: (name, None, (SHAPE,), nothing)
        for name in (
            *("RSQRT", "LOG", "SQRT", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "RELU_0_TO_1"),
        )
    },
    "SUM": ("SUM", schema.ReducerOptionsT(keepDims=True), ((1, 1, 1, 4),), by([1, 2])),
    "L2_POOL_2D": ("L2_POOL_2D", _window(2), ((1, 3, 4, 4),), nothing),
    "MAX_POOL_2D of a pixel": ("MAX_POOL_2D", _window(1), ((1, 3, 4, 4),), nothing),
    "POW": ("POW", schema.PowOptionsT(), (SHAPE,), twice),
}


def single(name: str, grid: Quantization | None) -> bytes:
    """The file of one operator, in int8 on a grid or in float."""
    code, options, shapes, more = SINGLE[name]
    a = Assembler()
    dtype = np.dtype(np.float32) if grid is None else grid.dtype
    x = computed("x", SHAPE, dtype, grid)
    results = [computed(f"y{i}", shape, dtype, grid) for i, shape in enumerate(shapes)]
    a.emit(code, more(a, x), results, options)
    outputs = tuple((tensor.name, tensor) for tensor in results)
    program = Program("single", tuple(a.operators), (("x", x),), outputs)
    return bytes(flatbuffer.pack(program, description="", blobs={}))
