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

import onnx_ir as ir

#: What an input of an operator is for, by (operator, index).
ROLES = {
    ("Conv", 1): ".weight",
    ("Conv", 2): ".bias",
    ("ConvTranspose", 1): ".weight",
    ("ConvTranspose", 2): ".bias",
    ("Gemm", 1): ".weight",
    ("Gemm", 2): ".bias",
    ("MatMul", 1): ".weight",
    ("PRelu", 1): ".weight",
    ("Clip", 1): "/min",
    ("Clip", 2): "/max",
    ("Reshape", 1): "/shape",
    ("Pad", 1): "/pads",
    ("Pad", 2): "/value",
    ("Slice", 1): "/starts",
    ("Slice", 2): "/ends",
    ("Slice", 3): "/axes",
    ("Slice", 4): "/steps",
    ("Split", 1): "/sizes",
    ("Resize", 1): "/roi",
    ("Resize", 2): "/scales",
    ("Resize", 3): "/sizes",
    ("Gather", 1): "/indices",
}


def module_path(node_name: str) -> str:
    """Dotted path of the module a traced node was called in, "" at the top level."""
    parts: list[str] = []
    for part in node_name.split("/")[1:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts[-1] = part
        else:
            parts.append(part)
    return ".".join(parts)


def name_after_modules(model: ir.Model, leaves: Collection[str]) -> None:
    """Renames every node and value; `leaves` are the paths of the modules without children."""
    taken = {str(v.name) for v in (*model.graph.inputs, *model.graph.outputs)}
    nodes = list(model.graph)
    paths = [module_path(node.name or "") for node in nodes]
    last = dict(zip(paths, nodes, strict=True))
    names: dict[ir.Node, str] = {}
    for path, node in zip(paths, nodes, strict=True):
        if path and _module_of(path, leaves) in leaves and last[path] is node:
            names[node] = _free(path, taken)
    for path, node in zip(paths, nodes, strict=True):
        if node not in names:
            prefix = f"{path}/" if path else ""
            names[node] = _free(prefix + node.op_type.lower(), taken)
    for node, name in names.items():
        _rename(model, node, name, taken)


def _module_of(path: str, leaves: Collection[str]) -> str:
    """The module's own path, without the number of the call (rule 3)."""
    head, underscore, number = path.rpartition("_")
    return head if path not in leaves and underscore and number.isdigit() else path


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name


def _rename(model: ir.Model, node: ir.Node, name: str, taken: set[str]) -> None:
    node.name = name
    kept: Iterable[ir.Value] = (*model.graph.inputs, *model.graph.outputs)
    for index, output in enumerate(node.outputs):
        if not any(output is value for value in kept):
            output.name = name if index == 0 else _free(f"{name}:{index}", taken)
    for index, value in enumerate(node.inputs):
        if value is not None and value.const_value is not None:
            role = ROLES.get((node.op_type, index), "/constant")
            _rename_initializer(model, value, _free(name + role, taken))


def _rename_initializer(model: ir.Model, value: ir.Value, name: str) -> None:
    model.graph.initializers.pop(str(value.name), None)
    value.name = name
    model.graph.register_initializer(value)
