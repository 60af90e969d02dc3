"""Names nodes and values after the modules they come from.

The tracer calls a node `/features/features.3/conv/conv.0/conv.0.0/Conv`: the modules it was called
in, each inside a Sequential repeating its container's name, then the operator. From that:

1. the only node of a module without children, or the last of several, is called like the module:
   `features.3.conv.0.0`; so is the value it gives;
2. every other node is called `module/operator`: `features.3/add`, `features.3/add_1`, at the top
   level only `flatten`;
3. a module that is called again has the number of the call behind its name: `layer1.0.relu_1`;
4. weights and biases are `features.3.conv.0.0.weight` and `.bias`, other constants are named by
   their role: `features.0.2/max`;
5. the graph's inputs and outputs keep their names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import onnx_ir as ir

from edgeconv.graph.operators.table import operator_of


@dataclass(frozen=True)
class Scope:
    """Where a traced node was called.

    Attributes:
        shown: dotted path with the numbers of repeated calls, "" at the top level.
        module: path of the module itself.
    """

    shown: str = ""
    module: str = ""

    def child(self, name: str, call: str) -> Scope:
        """The scope of a module `name` below this one, for a call numbered `call`."""
        shown = f"{name}{call}"
        return Scope(
            f"{self.shown}.{shown}" if self.shown else shown,
            f"{self.module}.{name}" if self.module else name,
        )


def scope_of(node_name: str, modules: Collection[str]) -> Scope:
    """The scope in a node's traced name, resolved against the paths of the net's modules."""
    scope, before = Scope(), ""
    for part in node_name.split("/")[1:-1]:
        scope = _enter(scope, part, before, modules)
        before = part
    return scope


def _enter(scope: Scope, part: str, before: str, modules: Collection[str]) -> Scope:
    stem, underscore, number = part.rpartition("_")
    numbered = [(stem, f"_{number}")] if underscore and number.isdigit() else []
    for name, call in [(part, ""), *numbered]:
        inside = name.removeprefix(f"{before}.")  # a Sequential's name before its child's
        for candidate in (name, inside):
            child = scope.child(candidate, call)
            if child.module in modules:
                return child
        prefix = f"{scope.module}." if scope.module else ""
        below = [m for m in modules if m.startswith(prefix) and m.endswith(f".{name}")]
        if len(below) == 1:  # a module in a ModuleDict, which the tracer leaves out
            return scope.child(below[0].removeprefix(prefix), call)
    return scope.child(part, "")


def modules_of(node_names: Iterable[str]) -> set[str]:
    """Paths of the modules that traced names speak of, where the net itself is not at hand."""
    paths: set[str] = set()
    for name in node_names:
        path, before = "", ""
        for part in name.split("/")[1:-1]:
            inside = part.removeprefix(f"{before}.")  # a Sequential's name before its child's
            path, before = f"{path}.{inside}" if path else inside, part
            paths.add(path)
    return paths


def name_after_modules(model: ir.Model, modules: Collection[str]) -> None:
    """Renames every node and value; `modules` are the paths of all the net's modules."""
    parents = {path.rpartition(".")[0] for path in modules}
    taken = {str(v.name) for v in (*model.graph.inputs, *model.graph.outputs)}
    nodes = list(model.graph)
    scopes = [scope_of(node.name or "", modules) for node in nodes]
    last = {scope.shown: node for scope, node in zip(scopes, nodes, strict=True)}
    names: dict[ir.Node, str] = {}
    for scope, node in zip(scopes, nodes, strict=True):
        is_leaf = scope.module in modules and scope.module not in parents
        if scope.shown and is_leaf and last[scope.shown] is node:
            names[node] = _free(scope.shown, taken)
    for scope, node in zip(scopes, nodes, strict=True):
        if node not in names:
            prefix = f"{scope.shown}/" if scope.shown else ""
            names[node] = _free(prefix + node.op_type.lower(), taken)
    # Taken out while they are renamed, so that none has another's new name: a convolution that is
    # called twice, once with a BatchNorm folded in, has two weights, and the one that is new takes
    # the name that the traced one still bears.
    constants = list(model.graph.initializers.values())
    model.graph.initializers.clear()
    for node, name in names.items():
        _rename(model.graph, node, name, taken)
    for value in constants:
        if value.name not in model.graph.initializers:
            model.graph.register_initializer(value)


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name


def _rename(graph: ir.Graph, node: ir.Node, name: str, taken: set[str]) -> None:
    node.name = name
    kept: Iterable[ir.Value] = (*graph.inputs, *graph.outputs)
    for index, output in enumerate(node.outputs):
        if not any(output is value for value in kept):
            output.name = name if index == 0 else _free(f"{name}:{index}", taken)
    for index, value in enumerate(node.inputs):
        if value is not None and value.const_value is not None:
            value.name = _free(name + operator_of(node).role_of(index), taken)
            graph.register_initializer(value)
