"""Operators that TFLite lacks, as several that it has: what such a lowering is written with.

All of it is in float. Steps that nothing else could express are rare: each of those below is one
that XNNPACK takes, or says why not.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from edgeconv.export.tflite.builder import Builder
from edgeconv.export.tflite.layout import Layout
from edgeconv.export.tflite.program import Tensor
from edgeconv.export.tflite.schema import elementwise, schema
from edgeconv.graph.fusion import ActivationKind

#: A factor that makes at least one of every normal float32 number.
HUGE = float(np.finfo(np.float32).max)

Operand = Tensor | float
#: Shape of a number among tensors.
_ONE = (1,)


class Composition:
    """The float operators that together give what one node does.

    Attributes:
        layout: how the result lies.
    """

    def __init__(self, node: ir.Node, b: Builder, layout: Layout) -> None:
        self._node, self._b, self.layout = node, b, layout

    def step(
        self, name: str, code: str, *operands: Operand, fused: ActivationKind | None = None
    ) -> Tensor:
        """An operator on the way; numbers become constants, and shapes broadcast.

        Args:
            name: of the step, part of the tensor's.
            code: TFLite's.
            operands: in its order, at least one of them a tensor.
            fused: the activation behind it.
        """
        tensors = self._tensors(name, operands)
        shapes = {tensor.shape for tensor in tensors}
        shape = np.broadcast_shapes(*(shapes - {_ONE} or shapes))
        options = elementwise(code, fused)
        return self._b.step(self._node, name, code, tensors, shape, options=options)

    def reduce(
        self, name: str, code: str, x: Tensor, where: Tensor, shape: tuple[int, ...]
    ) -> Tensor:
        """A reduction on the way, to this shape, which keeps all axes where it has as many."""
        options = schema.ReducerOptionsT(keepDims=len(shape) == len(x.shape))
        return self._b.step(self._node, name, code, [x, where], shape, options=options)

    def write(self, code: str, *operands: Operand, fused: ActivationKind | None = None) -> None:
        """The last operator, which gives the node's output."""
        tensors = self._tensors("last", operands)
        self._b.write(self._node, code, tensors, self.layout, elementwise(code, fused))

    def write_reduced(self, code: str, x: Tensor, where: Tensor, *, keeps_axes: bool) -> None:
        """A reduction that gives the node's output."""
        options = schema.ReducerOptionsT(keepDims=keeps_axes)
        self._b.write(self._node, code, [x, where], self.layout, options)

    def _tensors(self, name: str, operands: tuple[Operand, ...]) -> list[Tensor]:
        """Tensors as they are; a number has one axis, and none beside tensors that have none."""
        tensors = [operand for operand in operands if isinstance(operand, Tensor)]
        shape = _ONE if any(tensor.shape for tensor in tensors) else ()
        return [
            operand
            if isinstance(operand, Tensor)
            else self._b.floats(f"{self._node.name}/{name}/constant", np.full(shape, operand))
            for operand in operands
        ]


def begin(node: ir.Node, b: Builder) -> tuple[Tensor, Composition]:
    """The node's first input as it lies, and a composition whose result lies so."""
    return b.read(node), Composition(node, b, b.layout(node))
