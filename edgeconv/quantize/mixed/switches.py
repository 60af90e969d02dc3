"""A hub graph in which every rounding of a plan can be switched on by itself.

    hub:     x -> Conv(w) -> t -> ...
    here:    x -> If(weights of Conv){Conv(w rounded)} else {Conv(w)} -> If(t){rounded t} else {t}

So one session runs the float net, the int8 net, or the net with any one tensor rounded and nothing
else, which is how `sensitivity` tells what each rounding alone does to the logits. Everything is
computed in float on the plan's grids, as the QDQ file is with graph optimizations off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.graph.view import name_of, real_inputs
from edgeconv.quantize.plan.affine import dequantize
from edgeconv.quantize.plan.parameters import Edge, Plan, QuantParams
from edgeconv.quantize.plan.shared import Groups, tied_tensors
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
    nodes = [node for node in model.graph if not is_absorbed(node)]
    touching: dict[str, set[str]] = defaultdict(set)
    groups = Groups(plan.activations)
    for node in nodes:
        for value in (*(v for _, v in real_inputs(node)), *_written(node)):
            touching[name_of(value)].add(node.name or "")
        for pair in _same_grid(node, plan):
            groups.union(*pair)
    ends = {name_of(v) for v in (*model.graph.inputs, *model.graph.outputs)}
    members: dict[str, list[str]] = defaultdict(list)
    for name in plan.activations:
        members[groups.find(name)].append(name)
    found = [
        Switch("activation", tuple(tensors), frozenset().union(*(touching[t] for t in tensors)))
        for tensors in members.values()
        if not ends & set(tensors)
    ]
    for node in nodes:
        held = _constants(node, plan)
        if held:
            found.append(Switch("weights", tuple(held), frozenset({node.name or ""})))
    consumers = {node.name: node for node in nodes}
    for edge in plan.requantize:
        source = consumers[edge.consumer].inputs[edge.index]
        assert source is not None
        found.append(Switch("edge", (name_of(source),), frozenset({edge.consumer})))
    return found


def _same_grid(node: ir.Node, plan: Plan) -> list[tuple[str, str]]:
    """Pairs of tensors of which one holds the other's integers: rounding either rounds both."""
    pairs = list(tied_tensors(node))
    if node.op_type == "Concat":
        output = name_of(node.outputs[0])
        pairs += [
            (name_of(value), output)
            for index, value in real_inputs(node)
            if Edge(node.name or "", index) not in plan.requantize
        ]
    return [pair for pair in pairs if all(name in plan.activations for name in pair)]


def _written(node: ir.Node) -> list[ir.Value]:
    if len(node.outputs) == 1:
        return [written_output(node)]
    return [value for value in node.outputs if value.name]


def _constants(node: ir.Node, plan: Plan) -> list[str]:
    """Names of the integers a node reads."""
    read = (v for v in node.inputs if v is not None and v.const_value is not None)
    return [name for value in read if (name := name_of(value)) in plan.constants]


class SwitchedNet:
    """The net with its switches, in onnxruntime on one thread."""

    def __init__(self, model: ir.Model, plan: Plan) -> None:
        """Builds the graph; the plan must be of this very graph."""
        self.switches = switches(model, plan)
        proto = _Switchboard(model, plan, self.switches).proto()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._input = name_of(model.graph.inputs[0])

    def logits(
        self, images: Sequence[NDArray[np.float32]], on: Collection[int], *, ends: bool
    ) -> NDArray[np.float32]:
        """The first output for every image, (photos, classes), with some switches on.

        Args:
            images: inputs of the graph, several at a time on the cores there are.
            on: numbers of switches, as in `switches`.
            ends: whether the graph's input and output are rounded, too.
        """
        feeds = {_condition(i): np.array(i in on) for i in range(len(self.switches))}
        feeds[_ENDS] = np.array(ends)

        def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
            result: NDArray[np.float32] = self._session.run(None, {**feeds, self._input: image})[0]
            return result

        return np.concatenate(in_threads(run, images))


_ENDS = "switch::ends"


def _condition(number: int) -> str:
    return f"switch::{number}"


class _Switchboard:
    """Builds the graph, node by node."""

    def __init__(self, model: ir.Model, plan: Plan, numbered: Sequence[Switch]) -> None:
        self._model, self._plan = model, plan
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._switch_of: dict[tuple[Kind, str], str] = {}
        for number, switch in enumerate(numbered):
            names = list(switch.tensors)
            if switch.kind != "activation":
                (node,) = switch.nodes
                names = [f"{node}/{switch.tensors[0]}"]
            self._switch_of.update({(switch.kind, name): _condition(number) for name in names})
        self._count = len(numbered)

    def proto(self) -> onnx.ModelProto:
        """The model, with one boolean input more for each switch."""
        proto = ir.to_proto(self._model)
        originals = [onnx.NodeProto.FromString(n.SerializeToString()) for n in proto.graph.node]
        outputs = [value.name for value in proto.graph.output]
        for value in self._model.graph.inputs:
            if value.const_value is None:
                self._round(name_of(value), f"{name_of(value)}::seen")
        inputs = {name_of(v) for v in self._model.graph.inputs if v.const_value is None}
        for node, original in zip(self._model.graph, originals, strict=True):
            self._node(node, original, inputs)
        del proto.graph.node[:]
        del proto.graph.value_info[:]
        proto.graph.node.extend(self._nodes)
        proto.graph.initializer.extend(self._initializers.values())
        conditions = [*map(_condition, range(self._count)), _ENDS]
        proto.graph.input.extend(
            helper.make_tensor_value_info(c, onnx.TensorProto.BOOL, []) for c in conditions
        )
        assert [value.name for value in proto.graph.output] == outputs
        return proto

    def _node(self, node: ir.Node, original: onnx.NodeProto, inputs: set[str]) -> None:
        for index, name in enumerate(original.input):
            if name in inputs:
                original.input[index] = f"{name}::seen"
            edge = self._plan.requantize.get(Edge(node.name or "", index))
            if edge is not None:
                condition = self._switch_of["edge", f"{node.name}/{name}"]
                seen = f"{node.name}::{index}"
                self._choice(original.input[index], seen, edge, condition)
                original.input[index] = seen
        rounded = [name for name in original.output if name in self._plan.activations]
        for index, name in enumerate(original.output):
            if name in rounded:
                original.output[index] = f"{name}::raw"
        held = _constants(node, self._plan)
        if held:
            self._weights(node, original, held)
        else:
            self._nodes.append(original)
        for name in rounded:
            self._round(f"{name}::raw", name)

    def _round(self, source: str, target: str) -> None:
        """A tensor, rounded where its switch is on."""
        name = target.removesuffix("::seen")
        condition = self._switch_of.get(("activation", name), _ENDS)
        self._choice(source, target, self._plan.activations[name], condition)

    def _choice(self, source: str, target: str, params: QuantParams, condition: str) -> None:
        scale, zero = f"{target}::scale", f"{target}::zero"
        self._initializers[scale] = numpy_helper.from_array(params.scale.astype(np.float32), scale)
        stored = np.dtype(params.dtype)
        self._initializers[zero] = numpy_helper.from_array(params.zero_point.astype(stored), zero)
        integers, rounded, plain = (f"{target}::{part}" for part in ("integers", "on", "off"))
        self._if(
            target,
            condition,
            [
                helper.make_node("QuantizeLinear", [source, scale, zero], [integers]),
                helper.make_node("DequantizeLinear", [integers, scale, zero], [rounded]),
            ],
            [helper.make_node("Identity", [source], [plain])],
        )

    def _weights(self, node: ir.Node, original: onnx.NodeProto, held: Sequence[str]) -> None:
        """A node on the reals its integers stand for, or on its own constants."""
        condition = self._switch_of["weights", f"{node.name}/{held[0]}"]
        (target,) = original.output
        exact = onnx.NodeProto.FromString(original.SerializeToString())
        exact.output[0] = f"{target}::off"
        original.output[0] = f"{target}::on"
        for index, name in enumerate(original.input):
            if name in held:
                constant = self._plan.constants[name]
                rounded = f"{name}::rounded"
                self._initializers[rounded] = numpy_helper.from_array(
                    dequantize(constant.values, constant.params), rounded
                )
                original.input[index] = rounded
        self._if(target, condition, [original], [exact])

    def _if(
        self,
        target: str,
        condition: str,
        then: list[onnx.NodeProto],
        otherwise: list[onnx.NodeProto],
    ) -> None:
        branches = {}
        for name, nodes in (("then_branch", then), ("else_branch", otherwise)):
            output = helper.make_tensor_value_info(
                nodes[-1].output[0], onnx.TensorProto.FLOAT, None
            )
            branches[name] = helper.make_graph(nodes, f"{target}::{name}", [], [output])
        self._nodes.append(helper.make_node("If", [condition], [target], **branches))
