"""Which operators of an int8 net compute in float, whatever is asked for.

No engine has an int8 kernel worth the name for these: quotients, roots, logarithms, norms, and a
softmax that is no answer (the weights of an attention are most of them far below the 1/256 that is
a step of the kernel's grid, and XNNPACK has none). Between two of them a tensor that is rounded to
256 steps only loses: the 1e-6 that keeps `x / (norm + 1e-6)` from dividing by zero is less than
half a step of any norm. So what stands between such operators is one of them too, and so is the
arithmetic before a divisor, a root or a logarithm, where a value near zero decides, before such a
softmax, where a mask adds -10000, and before a normalization, which lifts a small token to the size
of a large one: the sums of a transformer's residual stream, which none but those read. So is all
from the last layer to the places at which an image is sampled: 256 steps across an image are fewer
than it has pixels. And so is all from the last layer to a search for peaks: ties would add to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

import onnx_ir as ir

from edgeconv.graph.fusion import is_absorbed, writer_of, written_outputs
from edgeconv.graph.masks import masked_values
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import (
    activation_inputs,
    constant_of,
    input_of,
    integer,
    is_kept_in_float,
    is_real,
    name_of,
    number,
    shape_of,
)
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.weights import layer_of

#: LiteRT's int8 softmax kernels sum exponentials in 12 integer bits: with more values than this,
#: nearly equal, the sum overflows and the reference kernel aborts the whole process.
LARGEST_INT8_SOFTMAX = 256
#: Kernels add up products in 32 bits: at most 255 times 128, of a product of computed tensors.
LONGEST_INT8_PRODUCT = 2**31 // (255 * 128)


def is_float_only(node: ir.Node) -> bool:
    """Whether a node has no int8 kernel; none has one that gives indices or truth values."""
    operator = operator_of(node)
    if not any(is_real(value) for value in node.outputs):
        return True
    if operator.planned != "depends":
        return operator.planned == "float"
    if operator.kind == "softmax":
        output = node.outputs[0]
        is_long = shape_of(output)[integer(node, "axis", -1)] > LARGEST_INT8_SOFTMAX
        return is_long or not _is_answer(output)
    if operator.kind == "product":
        return shape_of(input_of(node))[-1] > LONGEST_INT8_PRODUCT
    if operator.kind == "activation":
        return not has_unit_alpha(node)
    return not is_square(node)


def _is_answer(value: ir.Value) -> bool:
    """Whether a value is an output of the graph, or is merely moved to become one."""
    readers = [use.node for use in value.uses()]
    return value.is_graph_output() or (
        bool(readers)
        and all(operator_of(node).scales in ("moved", "joined") for node in readers)
        and all(_is_answer(output) for node in readers for output in node.outputs if output.name)
    )


def is_square(node: ir.Node) -> bool:
    """Whether a Pow is a product of its input with itself, the only power that int8 has."""
    exponent = constant_of(node.inputs[1])
    return exponent is not None and bool((exponent == 2.0).all())


def has_unit_alpha(node: ir.Node) -> bool:
    """Whether an activation's factor below zero is 1, the only one that TFLite's own has."""
    return number(node, "alpha", 1.0) == 1.0


def float_nodes(model: ir.Model) -> frozenset[str]:
    """Names of the nodes that compute in float in every int8 file of a hub graph."""
    nodes = [node for node in model.graph if not is_absorbed(node)]
    masked = masked_values(model)
    needed = {
        node.name or ""
        for node in nodes
        if is_float_only(node)
        or is_kept_in_float(node)
        or not masked.isdisjoint((*node.inputs, *written_outputs(node)))
    }
    found = needed | _before_decisive(nodes, needed) | _before_places(nodes) | _before_peaks(nodes)
    return frozenset(found | _between(nodes, found))


def _before_decisive(nodes: Sequence[ir.Node], needed: Set[str]) -> set[str]:
    """The arithmetic, and what it joins, that nothing reads but what computes in float.

    For some of these readers small differences of large values must decide. Before a divisor, a
    root or a logarithm it may be a product of computed tensors: the sums that a linear attention
    divides by.
    """
    found: set[str] = set()
    near_zero: set[str] = set()
    for node in reversed(nodes):
        operator = operator_of(node)
        computes = operator.kind in ("arithmetic", "reduction") or operator.scales == "joined"
        is_matrix = operator.kind == "product" and layer_of(node) is None
        if not (computes or is_matrix) or node.name in needed:
            continue
        uses = list(_uses(node, moved=is_matrix))
        if not all(reader.name in needed | found for reader, _ in uses):
            continue
        if any(reader.name in near_zero or is_singular(reader, index) for reader, index in uses):
            near_zero.add(node.name or "")
        levelled = any(reader.name in found or _levels(reader) for reader, _ in uses)
        if node.name in near_zero or (computes and levelled):
            found.add(node.name or "")
    return found


def _uses(node: ir.Node, *, moved: bool) -> Iterator[tuple[ir.Node, int]]:
    """(reader, which input) of a node's outputs; with `moved`, of what they are moved or cut to."""
    for value in written_outputs(node):
        for use in value.uses():
            if moved and operator_of(use.node).scales == "moved":
                yield from _uses(use.node, moved=True)
            else:
                yield use.node, use.idx


def _levels(node: ir.Node) -> bool:
    """Whether what a node gives hangs on differences, however large the values that it reads are.

    To a softmax what a mask adds to hide a value is infinite; a normalization takes the mean out.
    """
    return operator_of(node).kind in ("softmax", "normalization")


def _before_places(nodes: Sequence[ir.Node]) -> set[str]:
    """What nothing but places in images come from, back to and with the layers that give them."""
    found: set[str] = set()
    followed: set[str] = set()
    for node in reversed(nodes):
        uses = [use for value in written_outputs(node) for use in value.uses()]
        gives_places = uses and all(
            use.node.name in followed or (operator_of(use.node).kind == "sampling" and use.idx == 1)
            for use in uses
        )
        if gives_places:
            found.add(node.name or "")
            if operator_of(node).kind not in ("convolution", "product"):
                followed.add(node.name or "")
    return found


def _before_peaks(nodes: Sequence[ir.Node]) -> set[str]:
    """What decides where the largest of their neighbours are, back to and with the last layers.

    `heat == max_pool(heat)` is true of every value that is equal to the largest, and on integers
    neighbours are.
    """
    found: set[str] = set()
    for node in nodes:
        if any(is_real(value) for value in node.outputs):
            continue
        behind = _back_to_layers(node)
        if any(_is_largest_of_windows(each) for each in behind):
            found |= {each.name or "" for each in behind}
    return found


def _back_to_layers(node: ir.Node) -> list[ir.Node]:
    """What computes the reals that a node reads, back to and with the layers nearest to it."""
    found: dict[ir.Node, None] = {}
    pending = [node]
    while pending:
        reals = [v for _, v in activation_inputs(pending.pop()) if is_real(v)]
        makers = [writer_of(maker) for v in reals if (maker := v.producer()) is not None]
        new = [maker for maker in makers if maker not in found]
        found |= dict.fromkeys(new)
        pending += [maker for maker in new if layer_of(maker) is None]
    return list(found)


def _is_largest_of_windows(node: ir.Node) -> bool:
    return operator_of(node).kind == "pool" and operator_of(node).values == "chosen"


def is_singular(node: ir.Node, index: int) -> bool:
    """Whether what a node gives for an input near zero hangs on how near."""
    if node.op_type == "Pow":
        exponent = constant_of(node.inputs[1])
        return index == 0 and (exponent is None or bool((exponent < 1).any()))
    return index in operator_of(node).singular


def _between(nodes: Sequence[ir.Node], islands: Set[str]) -> set[str]:
    """Nodes that read islands alone, and are read by some, by way of each other; no products."""
    behind: set[str] = set()
    for node in nodes:
        sources = [value.producer() for _, value in activation_inputs(node)]
        makers = {None if source is None else writer_of(source).name for source in sources}
        has_matrix = operator_of(node).kind == "product" or layer_of(node) is not None
        if not has_matrix and makers and makers <= islands | behind:
            behind.add(node.name or "")
    found: set[str] = set()
    for node in reversed(nodes):
        readers = {use.node.name for value in written_outputs(node) for use in value.uses()}
        if node.name in behind and not readers.isdisjoint(islands | found):
            found.add(node.name or "")
    return found


def with_islands(
    model: ir.Model, plan: Plan, kept: frozenset[str], float_outputs: frozenset[str] = frozenset()
) -> Plan:
    """The plan with further nodes in float, rid of all the parameters that only they would see.

    Args:
        model: the graph the plan is of.
        plan: everything but its islands in int8.
        kept: names of nodes.
        float_outputs: graph outputs written by such nodes that are not rounded either.
    """
    islands = plan.islands | kept
    ends = {name_of(v) for v in (*model.graph.inputs, *model.graph.outputs)} - float_outputs
    inside = {
        name
        for name, nodes in touching(model, plan).items()
        if nodes <= islands and name not in ends
    }
    readers: dict[str, set[str]] = {}
    for node in model.graph:
        for value in node.inputs:
            if value is not None and value.const_value is not None:
                readers.setdefault(name_of(value), set()).add(node.name or "")
    floats = {name for name, nodes in readers.items() if nodes <= islands}
    return replace(
        plan,
        activations={n: p for n, p in plan.activations.items() if n not in inside},
        constants={n: c for n, c in plan.constants.items() if n not in floats},
        requantize={e: p for e, p in plan.requantize.items() if e.consumer not in islands},
        islands=islands,
    )


def touching(model: ir.Model, plan: Plan) -> dict[str, set[str]]:
    """Names of the nodes that write or read each activation of the plan."""
    found: dict[str, set[str]] = {}
    for node in model.graph:
        if is_absorbed(node):
            continue
        for value in (*(v for _, v in activation_inputs(node)), *written_outputs(node)):
            if value.name and value.name in plan.activations:
                found.setdefault(value.name, set()).add(node.name or "")
    return found
