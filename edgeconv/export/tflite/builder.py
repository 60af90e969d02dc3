"""What a lowering works with: reads hub values as file tensors, and writes operators.

The builder knows where each hub value lies in the file, in which layout and type, so that a
lowering states only what its operator needs: "input 0 in NHWC", "this constant as OHWI". Whatever
has to stand between (a TRANSPOSE, a requantization, the edge of a float island) the builder writes,
once for all readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.assembler import Assembler
from edgeconv.export.tflite.layout import Layout, Shape, Step, standard, steps
from edgeconv.export.tflite.program import Quantization, Tensor, computed, constant
from edgeconv.export.tflite.types import CannotLower, in_file, type_in_file
from edgeconv.files.tflite.tensor_order import TensorOrder
from edgeconv.graph.fusion import written_output, written_outputs
from edgeconv.graph.view import input_of, name_of, require_constant, shape_of
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams
from edgeconv.quantize.plan.rules import seen_by

__all__ = ["Builder", "CannotLower", "Lowering"]

Array = NDArray[Any]


class Builder(Assembler):
    """Assembles the program of a hub graph, in float32 or under a plan."""

    def __init__(self, plan: Plan | None, *, output_suffix: str = "") -> None:
        """Starts an empty program.

        Args:
            plan: puts every node on integers except its islands; without one everything is float32.
            output_suffix: added to the names of quantized graph outputs, where the plain name is
                for the tensor converted from it.
        """
        super().__init__()
        self._plan = plan
        self._output_suffix = output_suffix
        self._bound: dict[str, tuple[Tensor, Layout]] = {}
        self._exact: dict[str, tuple[Tensor, Layout]] = {}
        self.unusual: dict[str, TensorOrder] = {}

    # What a node is and reads.

    def is_quantized(self, node: ir.Node) -> bool:
        """Whether a node computes on integers."""
        return self._plan is not None and node.name not in self._plan.islands

    def layout(self, node: ir.Node, index: int = 0) -> Layout:
        """How the tensor at an input lies in the file."""
        return self._held(node, index)[1]

    def read(self, node: ir.Node, index: int = 0, layout: Layout | None = None) -> Tensor:
        """The tensor computed for an input, in the type the node works in.

        Args:
            node: the reader.
            index: of its input.
            layout: what the reader needs; None takes the tensor as it lies (see `layout`). One of
                more axes than the tensor has gives it leading ones in the hub's order.
        """
        tensor = self._typed(node, index, self._held(node, index)[0])
        return self._laid(node, index, tensor, layout)

    def stored(self, node: ir.Node, index: int, layout: Layout) -> Tensor:
        """As `read`, but int8 stays int8 for a float node that only asks which value is larger."""
        tensor = self._held(node, index)[0]
        if not tensor.is_int8:
            tensor = self._typed(node, index, tensor)
        return self._laid(node, index, tensor, layout)

    def _laid(self, node: ir.Node, index: int, tensor: Tensor, layout: Layout | None) -> Tensor:
        """An input's tensor in a layout; as it lies for None."""
        present = self._held(node, index)[1]
        if layout is None or layout == present:
            return tensor
        shape = shape_of(input_of(node, index))
        aligned = (1,) * (len(layout.order) - len(shape)) + shape
        moves = steps(shape, present, aligned, layout)
        return self.shared(
            (tensor, *moves),
            lambda: self.moved(tensor, moves, self.unique(f"{tensor.name}/reordered")),
        )

    def constant(
        self, node: ir.Node, index: int, arrange: Callable[[Array], Array], *, axis: int = 0
    ) -> Tensor:
        """An initializer as the file holds it, integers under a plan.

        Args:
            node: the reader.
            index: of its input.
            arrange: brings the array from the hub's order to the operator's.
            axis: where the operator has the axis of per-channel scales.
        """
        name = name_of(input_of(node, index))
        planned = None if self._plan is None else self._plan.constants.get(name)
        if planned is None:
            return constant(
                self.unique(name), in_file(name, arrange(require_constant(node, index)))
            )
        if not self.is_quantized(node):
            return self.floats(name, arrange(dequantize(planned.values, planned.params)))
        quantization = Quantization.of(planned.params, axis)
        return constant(self.unique(name), arrange(planned.values), quantization)

    def bias(self, node: ir.Node) -> Tensor | None:
        """The bias of a Conv, ConvTranspose or Gemm."""
        if len(node.inputs) < 3 or node.inputs[2] is None:
            return None
        return self.constant(node, 2, lambda values: values.reshape(-1))

    # What a node writes.

    def write(
        self,
        node: ir.Node,
        code: str,
        inputs: Sequence[Tensor | None],
        layout: Layout,
        options: Any = None,
    ) -> None:
        """Writes the operator that gives all outputs of a node, in one layout."""
        self.write_values(node, written_outputs(node), code, inputs, layout, options)

    def write_values(
        self,
        node: ir.Node,
        values: Sequence[ir.Value],
        code: str,
        inputs: Sequence[Tensor | None],
        layout: Layout,
        options: Any = None,
    ) -> None:
        """Writes an operator that gives some outputs of a node."""
        results = [self._result(node, value, layout) for value in values]
        self.emit(code, inputs, results, options)
        for value, result in zip(values, results, strict=True):
            self._bind(value, result, layout)

    def write_moved(
        self, node: ir.Node, tensor: Tensor, moves: Sequence[Step], layout: Layout
    ) -> None:
        """Gives a node's output by RESHAPEs and TRANSPOSEs alone.

        By none, the tensor simply is that output too.
        """
        value = written_output(node)
        if moves or value.is_graph_output():
            final = moves or [Step(tensor.shape)]
            tensor = self.moved(tensor, final, self._result_name(value, tensor.dtype, layout))
        self._bind(value, tensor, layout)

    def quantization(self, node: ir.Node) -> Quantization | None:
        """Parameters of a node's output, None for a float node."""
        if self._plan is None or not self.is_quantized(node):
            return None
        return Quantization.of(self._plan.activations[name_of(written_output(node))])

    def zero_points(self, node: ir.Node) -> tuple[int, ...]:
        """Zero points with which a node sees its inputs; zeros for a float node."""
        if self._plan is None or not self.is_quantized(node):
            return (0,) * len(node.inputs)
        found = []
        for index, value in enumerate(node.inputs):
            planned = None if value is None else self._plan.constants.get(name_of(value))
            grid = seen_by(self._plan, node, index) if planned is None else planned.params
            found.append(int(grid.zero_point))
        return tuple(found)

    def step(
        self,
        node: ir.Node,
        suffix: str,
        code: str,
        inputs: Sequence[Tensor | None],
        shape: Shape,
        *,
        options: Any = None,
        like: Tensor | None = None,
        quantization: Quantization | None = None,
    ) -> Tensor:
        """Writes an operator on the way to a node's output.

        Its result has the type and scale of `like`, by default the first input; `quantization` is
        for integers on another scale.
        """
        name = self.unique(f"{name_of(written_outputs(node)[0])}/{suffix}")
        source = like or next(each for each in inputs if each is not None)
        result = computed(name, shape, source.dtype, quantization or source.quantization)
        self.emit(code, inputs, [result], options)
        return result

    def at_output_scale(self, node: ir.Node, tensor: Tensor) -> Tensor:
        """An operand on the scale of a node's output, for kernels that compare bare integers.

        Takes quantized tensors and float32 constants.
        """
        target = self.quantization(node)
        if target is None:
            return tensor
        if tensor.data is not None:
            return constant(tensor.name, target.integers(tensor.data), target)
        if tensor.grid.equals(target):
            return tensor
        name = self.unique(f"{name_of(written_outputs(node)[0])}/rescaled")
        return self.requantized(tensor, target, name)

    def reshaped(self, node: ir.Node, suffix: str, tensor: Tensor, shape: Shape) -> Tensor:
        """The same elements under another shape, on the way to a node's output."""
        name = self.unique(f"{name_of(written_outputs(node)[0])}/{suffix}")
        return self.moved(tensor, [Step(shape)], name)

    # The ends of the graph.

    def bound(self, value: ir.Value) -> Tensor:
        """The tensor that holds a hub value."""
        return self._bound[name_of(value)][0]

    def bind_input(self, value: ir.Value, tensor: Tensor) -> None:
        """States that a graph input arrives in this tensor, in the standard layout."""
        self._bound[name_of(value)] = (tensor, standard(len(tensor.shape)))

    def bind_placeholders(self, node: ir.Node) -> None:
        """Lets lowering go on past a node that cannot be lowered, so that all such are found."""
        for value in {*node.outputs, written_output(node)}:
            shape = shape_of(value)
            layout = standard(len(shape))
            params = None if self._plan is None else self._plan.activations.get(name_of(value))
            quantization = None if params is None else Quantization.of(params)
            dtype = np.dtype(np.float32) if quantization is None else quantization.dtype
            tensor = computed(name_of(value), layout.file_shape(shape), dtype, quantization)
            self._bound[name_of(value)] = (tensor, layout)

    # How it is done.

    def _held(self, node: ir.Node, index: int) -> tuple[Tensor, Layout]:
        """Where an input lies: for an island, what another island wrote, before it was rounded."""
        name = name_of(input_of(node, index))
        if name in self._exact and not self.is_quantized(node):
            return self._exact[name]
        return self._bound[name]

    def _typed(self, node: ir.Node, index: int, tensor: Tensor) -> Tensor:
        """The tensor in a reader's type: requantized, or float for an island."""
        if self._plan is None:
            return tensor
        if not self.is_quantized(node):
            if not tensor.is_quantized:
                return tensor
            return self.shared(
                (tensor, "float"),
                lambda: self.dequantized(tensor, self.unique(f"{tensor.name}/float")),
            )
        params = self._plan.requantize.get(Edge(node.name or "", index))
        if params is None:
            return tensor
        value, layout = input_of(node, index), self._held(node, index)[1]
        name = f"{name_of(value)}/requantized"
        result = self.shared(
            (tensor, params.key),
            lambda: self.requantized(tensor, Quantization.of(params), self.unique(name)),
        )
        self.shared((name, result), lambda: self._called(value, name, result, layout))
        return result

    def _called(self, value: ir.Value, name: str, tensor: Tensor, layout: Layout) -> Tensor:
        """Has the file say how a requantized tensor lies, and that it is this hub value's too."""
        if tensor.name.startswith(name):
            self._note_lie(value, tensor, layout)
        else:  # made for another view of the same tensor
            lies = TensorOrder(*layout.lies(shape_of(value)), held_by=tensor.name)
            self.unusual[self.unique(name)] = lies
        return tensor

    def _result(self, node: ir.Node, value: ir.Value, layout: Layout) -> Tensor:
        """The tensor an operator writes for a value, before what `_bind` may add."""
        shape = layout.file_shape(shape_of(value))
        params = self._params(value) if self.is_quantized(node) else None
        quantization = None if params is None else Quantization.of(params)
        dtype = type_in_file(value) if quantization is None else quantization.dtype
        return computed(self._result_name(value, dtype, layout), shape, dtype, quantization)

    def _result_name(self, value: ir.Value, dtype: np.dtype[Any], layout: Layout) -> str:
        """The hub's name, unless `_bind` gives that to a tensor of the right type and layout."""
        if dtype == np.float32 and self._params(value) is not None:
            return self.unique(f"{value.name}/float")
        if self._output_moves(value, layout):
            return self.unique(f"{value.name}/computed")
        return self.unique(self._final_name(value))

    def _final_name(self, value: ir.Value) -> str:
        """Name of the tensor that is the hub value in type and layout."""
        is_quantized_output = value.is_graph_output() and self._params(value) is not None
        return name_of(value) + (self._output_suffix if is_quantized_output else "")

    def _bind(self, value: ir.Value, tensor: Tensor, layout: Layout) -> None:
        """Makes a tensor the hub value: quantized after an island, in standard order at the end."""
        params = self._params(value)
        if params is not None and not tensor.is_quantized:
            self._exact[name_of(value)] = (tensor, layout)
            quantization = Quantization.of(params)
            name = self._result_name(value, quantization.dtype, layout)
            tensor = self.requantized(tensor, quantization, name)
        moves = self._output_moves(value, layout)
        if moves:
            tensor = self.moved(tensor, moves, self.unique(self._final_name(value)))
        if value.is_graph_output():
            layout = standard(len(layout.order))
        self._bound[name_of(value)] = (tensor, layout)
        if tensor.name == name_of(value):
            self._note_lie(value, tensor, layout)

    def _note_lie(self, value: ir.Value, tensor: Tensor, layout: Layout) -> None:
        """Keeps how a tensor lies, where its name and shape do not tell."""
        shape = shape_of(value)
        moves = steps(shape, layout, shape, standard(len(shape)))
        if any(move.perm is not None for move in moves):
            self.unusual[tensor.name] = TensorOrder(*layout.lies(shape))

    def _params(self, value: ir.Value) -> QuantParams | None:
        return None if self._plan is None else self._plan.activations.get(name_of(value))

    def _output_moves(self, value: ir.Value, layout: Layout) -> list[Step]:
        """What brings a graph output to the standard layout; nothing for any other value."""
        if not value.is_graph_output():
            return []
        shape = shape_of(value)
        return steps(shape, layout, shape, standard(len(shape)))


Lowering = Callable[[ir.Node, Builder], None]
