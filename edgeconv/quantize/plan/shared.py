"""Which tensors must carry one scale, because the operator between them only moves integers.

A runtime does not check this: an average pool whose output has another scale than its input
silently returns wrong values, a concatenation would need a requantization on every edge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, input_of, is_real, name_of, real_inputs
from edgeconv.quantize.plan.parameters import Edge, Plan
from edgeconv.quantize.plan.products import (
    chosen_operand,
    products,
    symmetric_range,
    widening,
)
from edgeconv.quantize.plan.ranges import LEVELS, Range

#: Least step of a product's output, in steps of both operands multiplied: kernels scale by less
#: than 256 (`rules`).
LEAST_STEP = 1 / 128


class Groups:
    """Disjoint sets of tensor names (union-find with path halving)."""

    def __init__(self, names: Iterable[str]) -> None:
        self._parent = {name: name for name in names}

    def find(self, name: str) -> str:
        """The set's representative."""
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def union(self, one: str, other: str) -> None:
        """Joins the two sets; the first's representative stands for both."""
        self._parent[self.find(other)] = self.find(one)

    def __contains__(self, name: object) -> bool:
        return name in self._parent


def keeps_scale(node: ir.Node) -> bool:
    """Whether an operator's output has its input's scale, whatever the node."""
    return operator_of(node).scales in ("moved", "tied")


def tied_tensors(node: ir.Node) -> list[tuple[str, str]]:
    """Pairs of (input, output) that a passing operator ties; empty for any other node."""
    if not keeps_scale(node) or is_absorbed(node):
        return []
    source = input_of(node)
    if source.const_value is not None or not is_real(source):
        return []
    reals = [output for output in node.outputs if output.name and is_real(output)]
    return [(name_of(source), name_of(output)) for output in reals]


def concat_edges(model: ir.Model) -> Iterator[tuple[ir.Node, int, str]]:
    """(node, input index, tensor) of every computed input of every concatenation, in order."""
    for node in model.graph:
        if operator_of(node).scales == "joined":
            for index, value in real_inputs(node):
                yield node, index, name_of(value)


def on_one_grid(model: ir.Model, plan: Plan) -> list[tuple[str, ...]]:
    """The plan's tensors, those together that must keep one grid; in the order of the plan.

    Tensors whose grids are alike by chance, as those behind two ReLU6, are apart.
    """
    groups = Groups(plan.activations)
    requantized = set(plan.requantize)
    on_integers = [node for node in model.graph if node.name not in plan.islands]
    tied = [pair for node in on_integers for pair in tied_tensors(node)]
    tied += [
        (name, name_of(node.outputs[0]))
        for node, index, name in concat_edges(model)
        if node.name not in plan.islands and Edge(node.name or "", index) not in requantized
    ]
    for one, other in tied:
        groups.union(one, other)
    members: dict[str, list[str]] = {}
    for name in plan.activations:
        members.setdefault(groups.find(name), []).append(name)
    return [tuple(names) for names in members.values()]


@dataclass(frozen=True)
class Sharing:
    """Who shares parameters with whom.

    Attributes:
        ranges: the interval of every tensor, the same for all of a group.
        prescribed: tensor -> the tensor whose prescribed parameters it takes over.
        requantize: edges whose consumer sees the tensor with the consumer's output parameters.
        symmetric: tensors at zero point 0, for a product that reads them.
        made_symmetric: edges of products that see the tensor so, while it has another grid.
    """

    ranges: Mapping[str, Range]
    prescribed: Mapping[str, str]
    requantize: tuple[Edge, ...]
    symmetric: frozenset[str] = frozenset()
    made_symmetric: tuple[Edge, ...] = ()


def share(
    model: ir.Model,
    ranges: Mapping[str, Range],
    *,
    prescribed: Collection[str] = (),
    threshold: float = 1.25,
    islands: Collection[str] = (),
) -> Sharing:
    """Groups tied tensors and widens their ranges until they agree.

    The range of a group is the hull of its members'. A concatenation's input joins the output's
    group, except where that would make the steps of what *else* reads the input more than
    `threshold` times coarser, or where its parameters are prescribed: then the edge is requantized
    and the input keeps its own. Nodes among `islands` compute in float and tie nothing.
    """
    state = _State(Groups(ranges), dict(ranges), {name: name for name in prescribed})
    for node in model.graph:
        for source, output in () if node.name in islands else tied_tensors(node):
            state.join(source, output)
    requantize = []
    for node, index, name in concat_edges(model):
        if node.name in islands:
            continue
        output = name_of(node.outputs[0])
        if state.groups.find(name) == state.groups.find(output):
            continue
        if state.prescribed_of(name) or (
            state.widening(name, output) > threshold and _feels(state.groups, model, name)
        ):
            requantize.append(Edge(node.name or "", index))
        else:
            state.join(output, name)
    made_symmetric = _settle_products(model, state, threshold, islands)
    final = {name: state.hull[state.groups.find(name)] for name in ranges}
    sources = {name: found for name in ranges if (found := state.prescribed_of(name))}
    symmetric = frozenset(name for name in ranges if state.groups.find(name) in state.symmetric)
    return Sharing(final, sources, tuple(requantize), symmetric, made_symmetric)


def _settle_products(
    model: ir.Model, state: _State, threshold: float, islands: Collection[str]
) -> tuple[Edge, ...]:
    """Gives one operand of every product a symmetric grid; the edges on which it has it alone."""
    edges = []
    for node, names in products(model, islands):
        first, second = (state.hull[state.groups.find(name)] for name in names)
        index = chosen_operand((first, second))
        name, hull = names[index], (first, second)[index]
        if state.prescribed_of(name) or (
            widening(hull) > threshold and _feels(state.groups, model, name, besides=node)
        ):
            edges.append(Edge(node.name or "", index))
        else:
            state.make_symmetric(name)
        state.widen(name_of(node.outputs[0]), LEAST_STEP * _step(first) * _step(second))
    return tuple(edges)


def _step(interval: Range) -> float:
    """At most what an int8 grid over an interval, or a symmetric one, has for a step."""
    return 2 * symmetric_range(interval)[1] / LEVELS


@dataclass
class _State:
    """Groups under construction, with the hull and the prescription of each, by representative."""

    groups: Groups
    hull: dict[str, Range]
    prescription: dict[str, str]
    symmetric: set[str] = field(default_factory=set)

    def join(self, one: str, other: str) -> None:
        """Puts `other`'s group into `one`'s."""
        kept, gone = self.groups.find(one), self.groups.find(other)
        self.hull[kept] = _hull(self.hull[kept], self.hull[gone])
        self.groups.union(kept, gone)

    def prescribed_of(self, name: str) -> str | None:
        """The tensor whose prescribed parameters the group takes, if any."""
        return self.prescription.get(self.groups.find(name))

    def make_symmetric(self, name: str) -> None:
        """Puts zero in the middle of the group's range."""
        group = self.groups.find(name)
        self.symmetric.add(group)
        self.hull[group] = symmetric_range(self.hull[group])

    def widen(self, name: str, step: float) -> None:
        """Makes the group's steps no finer than that."""
        group = self.groups.find(name)
        low, high = self.hull[group]
        if high - low < step * LEVELS:
            more = step * LEVELS / (high - low) if high > low else 0.0
            self.hull[group] = (low * more, high * more) if more else (0.0, step * LEVELS)

    def widening(self, name: str, output: str) -> float:
        """How many times coarser the steps of `name` become in `output`'s group."""
        own = self.hull[self.groups.find(name)]
        both = _hull(own, self.hull[self.groups.find(output)])
        return (both[1] - both[0]) / max(own[1] - own[0], 1e-30)


def _feels(groups: Groups, model: ir.Model, name: str, *, besides: ir.Node | None = None) -> bool:
    """Whether an operator that computes with the integers reads a member of the tensor's group."""
    group = groups.find(name)
    return any(
        groups.find(name_of(value)) == group
        for node in model.graph
        if operator_of(node).scales == "free" and node is not besides
        for _, value in activation_inputs(node)
        if value.name in groups
    )


def _hull(one: Range, other: Range) -> Range:
    return min(one[0], other[0]), max(one[1], other[1])
