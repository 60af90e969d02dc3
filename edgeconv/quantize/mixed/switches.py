"""A net in which every rounding of a plan can be switched on by itself.

    in QDQ form:  x -> Conv(w rounded) -> t -> QuantizeLinear -> DequantizeLinear -> ...
    here:         x -> If(weights of Conv){Conv(w rounded)} else {Conv(w)}
                    -> If(t){QuantizeLinear -> DequantizeLinear} else {t} -> ...

So one session runs the float net, the int8 net, or the net with any one tensor rounded and nothing
else, which is how `sensitivity` tells what each rounding alone does to the logits. Everything is
computed in float on the plan's grids.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeconv.graph.fusion import is_absorbed
from edgeconv.graph.qdq_names import integers_of, requantized_integers_of
from edgeconv.graph.view import array_of, input_names, input_of, name_of
from edgeconv.quantize.observe.session import open_proto
from edgeconv.quantize.plan.in_float import touching
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.qdq import insert_qdq
from edgeconv.quantize.plan.shared import on_one_grid
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.threads import in_threads

Kind = Literal["activation", "weights", "edge"]


@dataclass(frozen=True)
class Switch:
    """One rounding of a plan: of tensors that share one grid, of a layer's weights, of an edge.

    Attributes:
        kind: which of the three.
        tensors: the hub tensors that are rounded; for an edge, the one it hands on.
        nodes: every node that must compute in float for the rounding to be gone.
    """

    kind: Kind
    tensors: tuple[str, ...]
    nodes: frozenset[str]


def switches(model: ir.Model, plan: Plan) -> list[Switch]:
    """Every rounding of a plan, in the order in which the graph meets them.

    The rounding of a graph input or output is none of them: an app sees those types, so they stay.
    """
    near = touching(model, plan)
    ends = {name_of(v) for v in (*model.graph.inputs, *model.graph.outputs)}
    found = [
        Switch("activation", tensors, frozenset().union(*(near[name] for name in tensors)))
        for tensors in on_one_grid(model, plan)
        if not ends & set(tensors)
    ]
    nodes = {node.name: node for node in model.graph if not is_absorbed(node)}
    for node in nodes.values():
        held = _constants(node, plan)
        if held:
            found.append(Switch("weights", tuple(held), frozenset({node.name or ""})))
    for edge in plan.requantize:
        source = input_of(nodes[edge.consumer], edge.index)
        found.append(Switch("edge", (name_of(source),), frozenset({edge.consumer})))
    return found


def _constants(node: ir.Node, plan: Plan) -> list[str]:
    """Names of the integers a node reads."""
    read = (v for v in node.inputs if v is not None and v.const_value is not None)
    return [name for value in read if (name := name_of(value)) in plan.constants]


#: The outputs of a batch to what is looked at of them, (batch, values).
Read = Callable[[Sequence[NDArray[Any]]], NDArray[np.float32]]


def first_output(outputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """The logits of a classifier."""
    return outputs[0]


class SwitchedNet:
    """The net with its switches, in onnxruntime on one thread."""

    def __init__(self, model: ir.Model, plan: Plan, read: Read = first_output) -> None:
        """Builds the graph.

        Args:
            model: the float graph.
            plan: of this very graph.
            read: which values of its outputs are looked at.
        """
        self._read = read
        self.switches = switches(model, plan)
        self._session = open_proto(_switchboard(model, plan, self.switches))
        self._inputs = input_names(model)

    def values(
        self, images: Sequence[Batch], on: Collection[int], *, ends: bool
    ) -> NDArray[np.float32]:
        """What is looked at for every image, (photos, values), with some switches on.

        Args:
            images: inputs of the graph, several at a time on the cores there are.
            on: numbers of switches, as in `switches`.
            ends: whether the graph's input and output are rounded, too.
        """
        feeds = {_condition(i): np.array(i in on) for i in range(len(self.switches))}
        feeds[_ENDS] = np.array(ends)

        def run(image: Batch) -> NDArray[np.float32]:
            given = by_name(image, self._inputs)
            return self._read(self._session.run(None, {**feeds, **given}))

        return np.concatenate(in_threads(run, images))


_ENDS = "switch::ends"


def _condition(number: int) -> str:
    return f"switch::{number}"


def _switchboard(model: ir.Model, plan: Plan, numbered: Sequence[Switch]) -> onnx.ModelProto:
    """The net in QDQ form, with one boolean input more for each switch."""
    proto = ir.to_proto(insert_qdq(model, plan))
    controlled = _controlled(plan, numbered)
    quantizes = {n.output[0]: n for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    nodes = []
    for node in proto.graph.node:
        integers = node.input[0] if node.op_type == "DequantizeLinear" else ""
        if integers in quantizes:
            quantize = quantizes[integers]
            plain = helper.make_node("Identity", [quantize.input[0]], [node.output[0]])
            nodes.append(_either(controlled.get(integers, _ENDS), [quantize, node], [plain]))
        elif node.name in controlled:
            nodes.append(_either(controlled[node.name], [node], [_on_reals(node, plan)]))
        elif node.op_type != "QuantizeLinear":
            nodes.append(copy.deepcopy(node))
    del proto.graph.node[:]
    del proto.graph.value_info[:]
    proto.graph.node.extend(nodes)
    for name in plan.constants:
        real = array_of(model.graph.initializers[name])
        proto.graph.initializer.append(numpy_helper.from_array(real, _real(name)))
    proto.graph.input.extend(
        helper.make_tensor_value_info(condition, onnx.TensorProto.BOOL, [])
        for condition in (*map(_condition, range(len(numbered))), _ENDS)
    )
    return proto


def _controlled(plan: Plan, numbered: Sequence[Switch]) -> dict[str, str]:
    """Integers of a pair, or a node with weights -> the condition that switches them on."""
    edges = iter(plan.requantize)
    found = {}
    for number, switch in enumerate(numbered):
        names: Iterable[str]
        if switch.kind == "activation":
            names = map(integers_of, switch.tensors)
        elif switch.kind == "weights":
            names = switch.nodes
        else:
            edge = next(edges)
            names = [requantized_integers_of(switch.tensors[0], edge.consumer, edge.index)]
        found.update(dict.fromkeys(names, _condition(number)))
    return found


def _on_reals(node: onnx.NodeProto, plan: Plan) -> onnx.NodeProto:
    """The node on the constants whose integers it reads."""
    exact = copy.deepcopy(node)
    exact.input[:] = [_real(name) if name in plan.constants else name for name in node.input]
    return exact


def _real(name: str) -> str:
    return f"{name}::real"


def _either(
    condition: str, then: Sequence[onnx.NodeProto], otherwise: Sequence[onnx.NodeProto]
) -> onnx.NodeProto:
    """An If of two ways to compute what the last node of both writes."""
    (target,) = then[-1].output
    branches = {}
    for branch, nodes in (("then_branch", then), ("else_branch", otherwise)):
        name = f"{target}::{branch}"
        inner = [copy.deepcopy(node) for node in nodes]
        inner[-1].output[0] = name
        output = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        branches[branch] = helper.make_graph(inner, name, [], [output])
    return helper.make_node("If", [condition], [target], **branches)
