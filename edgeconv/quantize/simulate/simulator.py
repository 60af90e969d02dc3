"""Runs a planned graph on integers, operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.fusion import is_absorbed, written_output, written_outputs
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, input_of, name_of, shape_of
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.in_float import is_float_only
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams
from edgeconv.quantize.simulate import arithmetic, batches, layers, moves, pools, softmax, tables
from edgeconv.quantize.simulate.arithmetic import change_scale, quantized
from edgeconv.quantize.simulate.islands import float_kernel
from edgeconv.quantize.simulate.step import Array, Kernel, Step
from edgeconv.runtime.feeds import Batch, by_name

COMPILERS: Mapping[str, Callable[[Step], Kernel]] = MappingProxyType(
    {
        **arithmetic.KERNELS,
        **layers.KERNELS,
        **batches.KERNELS,
        **moves.KERNELS,
        **pools.KERNELS,
        **softmax.KERNELS,
        **tables.KERNELS,
    }
)
"""How each operator that computes on integers is made ready to run."""


#: Behind the name of what an island wrote, before it was rounded.
_EXACT = "::exact"


@dataclass(frozen=True, eq=False)
class _Operation:
    """A node made ready: what it reads, what it writes, and how it computes."""

    node: ir.Node
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    requantizations: tuple[tuple[QuantParams, QuantParams] | None, ...]
    compute: Callable[[Sequence[Array]], Sequence[Array]]


class Simulator:
    """A hub graph under a plan, ready to run.

    Tensors are NCHW and named as in the hub; int8 where the plan has parameters for them, float32
    inside float islands; indices and truth values as they are. Operators without an integer kernel
    run as islands: dequantized, computed in float, and quantized again.
    """

    def __init__(self, model: ir.Model, plan: Plan) -> None:
        """Prepares every operator.

        Raises:
            PlanRefused: the plan lacks something, or a sum could overflow 32 bits.
            UnsupportedOperator: a form of an operator the simulator does not know.
        """
        self._plan = plan
        self._inputs = {name_of(v): v for v in model.graph.inputs if v.const_value is None}
        self._outputs = tuple(name_of(v) for v in model.graph.outputs)
        opset = model.opset_imports.get("", 17)
        self._exact = _read_in_float(model, plan)
        self._operations = [
            self._prepared(node, opset) for node in model.graph if not is_absorbed(node)
        ]
        self._by_name = {str(o.node.name): o for o in self._operations}

    @property
    def nodes(self) -> tuple[ir.Node, ...]:
        """The nodes that run, in order; activations absorbed by others are none of them."""
        return tuple(operation.node for operation in self._operations)

    def run(self, given: Batch, *, keep: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
        """Every tensor of one run, by hub name.

        Args:
            given: the graph's inputs, images NCHW: float32 reals, which are quantized as an app
                does, or the integers themselves.
            keep: names to keep; None keeps all, the graph's outputs are kept always.

        Raises:
            UsageError: one has not its input's shape.
        """
        named = by_name(given, list(self._inputs))
        held = {name: self._integers(name, array) for name, array in named.items()}
        readers = self._last_reads(keep)
        for position, operation in enumerate(self._operations):
            inputs = [held[name] for name in operation.reads]
            held.update(zip(operation.writes, self._compute(operation, inputs), strict=True))
            for name in readers.get(position, ()):
                del held[name]
        return {name: array for name, array in held.items() if not name.endswith(_EXACT)}

    def outputs(self, given: Batch) -> list[NDArray[Any]]:
        """The graph's outputs, those that are quantized as reals, in the graph's order."""
        held = self.run(given, keep=())
        return [self.reals(name, held[name]) for name in self._outputs]

    def apply(self, node_name: str, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """One operator on the integers given for its computed inputs.

        Integers come as the tensors hold them; requantizations of single edges are done here.

        Raises:
            UsageError: no node of that name computes.
        """
        if node_name not in self._by_name:
            raise UsageError(f"{node_name} is no node that computes")
        operation = self._by_name[node_name]
        made = zip(operation.writes, self._compute(operation, inputs), strict=True)
        return [array for name, array in made if not name.endswith(_EXACT)]

    def reals(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """The reals a tensor's integers stand for; indices, truth values, floats as they are."""
        if array.dtype != np.int8 or name not in self._plan.activations:
            return _in_float32(array)
        return dequantize(array, self._plan.activations[name])

    def _compute(self, operation: _Operation, inputs: Sequence[Array]) -> list[Array]:
        seen = [
            array if change is None or array.dtype != np.int8 else change_scale(array, *change)
            for array, change in zip(inputs, operation.requantizations, strict=True)
        ]
        return [np.ascontiguousarray(array) for array in operation.compute(seen)]

    def _prepared(self, node: ir.Node, opset: int) -> _Operation:
        computed = activation_inputs(node)
        reads = [name_of(value) for _, value in computed]
        writes = [name_of(value) for value in written_outputs(node)]
        if node.name in self._plan.islands:
            reads = [f"{name}{_EXACT}" if name in self._exact else name for name in reads]
            writes += [f"{name}{_EXACT}" for name in writes if name in self._exact]
        return _Operation(
            node,
            tuple(reads),
            tuple(writes),
            tuple(self._requantization(node, index, name_of(v)) for index, v in computed),
            self._kernel(node, opset),
        )

    def _requantization(
        self, node: ir.Node, index: int, name: str
    ) -> tuple[QuantParams, QuantParams] | None:
        wanted = self._plan.requantize.get(Edge(node.name or "", index))
        if wanted is None or node.name in self._plan.islands:
            return None
        return self._plan.activations[name], wanted

    def _kernel(self, node: ir.Node, opset: int) -> Callable[[Sequence[Array]], Sequence[Array]]:
        if node.name not in self._plan.islands:
            operator = operator_of(node)
            if node.op_type in COMPILERS and not is_float_only(node):
                kernel = COMPILERS[node.op_type](Step(node, self._plan))
                return lambda inputs: [kernel(inputs)]
            if operator.scales == "moved" and input_of(node).const_value is None:
                return moves.evaluator(node, opset)
            if operator.kind == "resize":
                resized = moves.resize(moves.evaluator(node, opset))
                return lambda inputs: [resized(inputs)]
        return self._island(node, opset)

    def _island(self, node: ir.Node, opset: int) -> Callable[[Sequence[Array]], Sequence[Array]]:
        """Dequantize, compute in float, and quantize where the plan says so."""
        compute = float_kernel(node, self._plan, opset)
        reads = [name_of(value) for _, value in activation_inputs(node)]
        names = [name_of(value) for value in written_outputs(node)]

        def run(inputs: Sequence[Array]) -> list[Array]:
            reals = [self.reals(name, a) for name, a in zip(reads, inputs, strict=True)]
            made = dict(zip(names, compute(reals), strict=True))
            stored = [self._stored(name, array) for name, array in made.items()]
            if node.name not in self._plan.islands:
                return stored
            return [*stored, *(made[n].astype(np.float32) for n in names if n in self._exact)]

        return run

    def _stored(self, name: str, reals: Array) -> Array:
        """QUANTIZE from float32: rounded half away from zero."""
        params = self._plan.activations.get(name)
        return _in_float32(reals) if params is None else quantized(reals, params)

    def _integers(self, name: str, given: NDArray[Any]) -> Array:
        shape = shape_of(self._inputs[name])
        if given.shape != shape:
            raise UsageError(f"the graph takes an input of shape {shape}, not {given.shape}")
        if given.dtype == np.int8:
            return given
        params = self._plan.activations.get(name)
        if params is None:
            return given.astype(np.float32)
        steps = np.rint(given.astype(np.float32) / np.float32(params.scale))
        stored: Array = np.clip(steps + int(params.zero_point), -128, 127).astype(np.int8)
        return stored

    def _last_reads(self, keep: Collection[str] | None) -> dict[int, list[str]]:
        """What no later operation reads, by the position after which it can go."""
        if keep is None:
            return {}
        last: dict[str, int] = {}
        for position, operation in enumerate(self._operations):
            last.update(dict.fromkeys((*operation.reads, *operation.writes), position))
        gone: dict[int, list[str]] = {}
        for name, position in last.items():
            if name not in keep and name not in self._outputs:
                gone.setdefault(position, []).append(name)
        return gone


def _in_float32(array: Array) -> Array:
    """Floats as float32; indices and truth values as they are."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _read_in_float(model: ir.Model, plan: Plan) -> frozenset[str]:
    """Rounded tensors that one island writes and another reads, as it wrote them."""
    found = set()
    for node in model.graph:
        if node.name in plan.islands:
            value = written_output(node)
            if value.name in plan.activations and any(
                use.node.name in plan.islands for use in value.uses()
            ):
                found.add(name_of(value))
    return frozenset(found)
