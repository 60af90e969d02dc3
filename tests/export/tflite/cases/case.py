"""What a case is, and how cases are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx import helper

from tests.export.tflite.engines import ENGINES
from tests.export.tflite.graphs import of_node, of_nodes, weights

IMAGE = (2, 6, 7, 8)


@dataclass(frozen=True)
class Case:
    """A graph and how it may be run.

    Attributes:
        make: builds the graph.
        steps: largest distance of an int8 result from the float one, None where int8 is no use.
        engines: those whose set of kernels has the operator.
    """

    make: Callable[[], ir.Model]
    steps: int | None = 1
    engines: frozenset[str] = frozenset(ENGINES)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def conv(shape: tuple[int, ...], weight: tuple[int, ...], **attributes: object) -> Case:
    def make() -> ir.Model:
        return of_node("Conv", shape, weights(*weight), weights(weight[0], seed=7), **attributes)

    return Case(make)


def conv_transpose(weight: tuple[int, ...], **attributes: object) -> Case:
    def make() -> ir.Model:
        channels = (1, weight[0], 5, 6)
        return of_node(
            "ConvTranspose", channels, weights(*weight), weights(weight[1], seed=7), **attributes
        )

    return Case(make)


def node(op_type: str, shape: tuple[int, ...], *constants: np.ndarray | None, steps: int | None = 1,
         **options: object) -> Case:  # fmt: skip
    return Case(lambda: of_node(op_type, shape, *constants, **options), steps)  # type: ignore[arg-type]


def resize(mode: str, rule: str, size: tuple[int, int], **attributes: object) -> Case:
    sizes = ints(1, 3, *size)
    return node(
        "Resize", (1, 3, 5, 6), None, None, sizes, mode=mode,
        coordinate_transformation_mode=rule, **attributes,
    )  # fmt: skip


def chain(*steps: tuple[str, dict[str, object], tuple[np.ndarray, ...]], shape: tuple[int, ...],
          int8: int | None = 1) -> Case:  # fmt: skip
    """Nodes that each read the one before, and constants."""

    def make() -> ir.Model:
        nodes, constants, last = [], {}, "x"
        for i, (op_type, attributes, arrays) in enumerate(steps):
            names = [f"c{i}_{j}" for j in range(len(arrays))]
            constants |= dict(zip(names, arrays, strict=True))
            result = "y" if i == len(steps) - 1 else f"t{i}"
            nodes.append(
                helper.make_node(op_type, [last, *names], [result], name=f"n{i}", **attributes)
            )
            last = result
        return of_nodes(nodes, {"x": shape}, constants, ["y"])

    return Case(make, int8)
