"""TorchScript inside of a net is run one operator at a time, so that it can be traced.

A trace cannot look into a module that torch.jit.script or torch.jit.trace made. Here such a module
is replaced, while it is captured, by one that reads its graph: loops and branches that hang on
shapes and settings are followed as Python would, those that hang on the input are refused with
their line, and every operator runs as if it were called on its line of the user's file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from torch import nn
from torch.jit import ScriptFunction, ScriptModule
from torch.nn import functional

from edgeconv.export.capture.calls import is_foreign
from edgeconv.export.capture.torchscript.operators import call

_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_FUNCTIONAL = "__torch__.torch.nn.functional"


@contextmanager
def opened(module: nn.Module) -> Iterator[nn.Module]:
    """The module with TorchScript in it opened; as it was, afterwards."""
    if isinstance(module, ScriptModule):
        yield _Opened(module)
        return
    inside = [
        (parent, name, child)
        for parent in module.modules()
        if not isinstance(parent, ScriptModule)
        for name, child in parent.named_children()
        if isinstance(child, ScriptModule)
    ]
    shown = {child: _Opened(child) for _, _, child in inside}
    try:
        for parent, name, child in inside:
            setattr(parent, name, shown[child])
        with _opened_functions():
            yield module
    finally:
        for parent, name, child in inside:
            setattr(parent, name, child)


@contextmanager
def _opened_functions() -> Iterator[None]:
    """Functions of TorchScript's are run like its modules."""
    usual = ScriptFunction.__call__

    def run(self: Any, *args: Any, **named: Any) -> Any:
        return _Run(None).of(self.inlined_graph, _bound(self.schema.arguments, args, named))

    ScriptFunction.__call__ = run  # type: ignore[method-assign]
    try:
        yield
    finally:
        ScriptFunction.__call__ = usual  # type: ignore[method-assign]


class _Opened(nn.Module):
    """A module of TorchScript's, with its tensors and children, run one operator at a time."""

    def __init__(self, script: nn.Module) -> None:
        super().__init__()
        self.script: tuple[Any] = (script,)  # in a tuple, so that it is no submodule
        self.changed: dict[str, Any] = {}
        self.training = getattr(script, "training", False)  # a frozen one has none
        for name, parameter in script.named_parameters(recurse=False):
            # A file's parameters are plain tensors.
            own = parameter if isinstance(parameter, nn.Parameter) else nn.Parameter(parameter)
            self.register_parameter(name, own)
        for name, buffer in script.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        for name, child in script.named_children():
            self.add_module(name, _Opened(child))

    def forward(self, *args: Any, **named: Any) -> Any:
        """What the module gives."""
        return self.method("forward", *args, **named)

    def method(self, name: str, *args: Any, **named: Any) -> Any:
        """What a method of the module gives."""
        method: Any = self.script[0]._c._get_method(name)
        given = _bound(method.schema.arguments[1:], args, named)
        return _Run(self).of(_graph(method), [self, *given])

    def held(self, name: str) -> Any:
        """What the module holds under a name."""
        if name in self.changed:
            return self.changed[name]
        own = name in self._modules or name in self._parameters or name in self._buffers
        return getattr(self if own or name == "training" else self.script[0], name)


def _bound(schema: Sequence[Any], args: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    """A call's arguments in order, with the defaults of those that were left out."""
    return [*args, *(named.get(a.name, a.default_value) for a in schema[len(args) :])]


def _graph(method: Any) -> Any:
    """A method's graph: its modules as calls, but where it calls functions of the user's inline."""
    calls = method.graph.findAllNodes("prim::CallFunction", True)
    if all(_function(next(call.inputs())) is not None for call in calls):
        return method.graph
    return method.inlined_graph


def _function(value: Any) -> Any:
    """The function of torch.nn.functional that a value is; None for any other."""
    place, _, name = str(value.type()).rpartition(".")
    return getattr(functional, name, None) if place.startswith(_FUNCTIONAL) else None


class _Run:
    """One run of a graph."""

    def __init__(self, root: _Opened | None) -> None:
        self._root = root
        self._values: dict[str, Any] = {}

    def of(self, graph: Any, inputs: Sequence[Any]) -> Any:
        """What the graph gives: a value, or a tuple of several."""
        return _unpacked(self._block(graph, inputs))

    def _block(self, block: Any, inputs: Sequence[Any]) -> list[Any]:
        for value, given in zip(block.inputs(), inputs, strict=True):
            self._values[value.debugName()] = given
        for node in block.nodes():
            self._node(node)
        return self._read(block.outputs())

    def _read(self, values: Any) -> list[Any]:
        return [self._values[value.debugName()] for value in values]

    def _node(self, node: Any) -> None:
        outputs = list(node.outputs())
        given = _SPECIAL.get(node.kind(), _Run.computed)(self, node)
        is_one = len(outputs) == 1 and not node.kind().endswith("Unpack")
        spread = [given] if is_one else (given or ())
        for value, item in zip(outputs, spread if outputs else (), strict=True):
            self._values[value.debugName()] = item

    def computed(self, node: Any) -> Any:
        """An operator."""
        args, names = self._read(node.inputs()), _keywords(node)
        count = len(args) - len(names)
        named = dict(zip(names, args[count:], strict=True))
        _, _, overload = node.schema().partition("(")[0].partition(".")
        return _at(_place(node), call, node.kind(), overload, args[:count], named)

    def constant(self, node: Any) -> Any:
        """prim::Constant."""
        value = node.output()
        return _function(value) if value.type().kind() == "FunctionType" else value.toIValue()

    def attribute(self, node: Any) -> Any:
        """prim::GetAttr, of a module or an object."""
        (holder,), name = self._read(node.inputs()), node.s("name")
        return holder.held(name) if isinstance(holder, _Opened) else getattr(holder, name)

    def set_attribute(self, node: Any) -> Any:
        """prim::SetAttr: what the module keeps, until `unchanged` takes it away."""
        holder, value = self._read(node.inputs())
        holder.changed[node.s("name")] = value

    def method(self, node: Any) -> Any:
        """prim::CallMethod, of a module."""
        holder, *args = self._read(node.inputs())
        if not isinstance(holder, _Opened):
            raise NotImplementedError("classes of TorchScript's are not known here")
        if node.s("name") == "forward":
            return _at(_place(node), holder, *args)
        return _at(_place(node), holder.method, node.s("name"), *args)

    def function(self, node: Any) -> Any:
        """prim::CallFunction, of torch.nn.functional."""
        return _at(_place(node), *self._read(node.inputs()))

    def branch(self, node: Any) -> Any:
        """prim::If."""
        (condition,) = self._read(node.inputs())
        block = list(node.blocks())[0 if _at(_place(node), bool, condition) else 1]
        return _unpacked(self._block(block, ()))

    def loop(self, node: Any) -> Any:
        """prim::Loop."""
        most, goes_on, *carried = self._read(node.inputs())
        (body,), turn = node.blocks(), 0
        while turn < most and _at(_place(node), bool, goes_on):
            goes_on, *carried = self._block(body, (turn, *carried))
            turn += 1
        return _unpacked(carried)

    def refusal(self, node: Any) -> Any:
        """prim::RaiseException."""
        _at(_place(node), _raise, str(self._read(node.inputs())[0]))


_SPECIAL: Mapping[str, Callable[[_Run, Any], Any]] = {
    "prim::Constant": _Run.constant,
    "prim::GetAttr": _Run.attribute,
    "prim::SetAttr": _Run.set_attribute,
    "prim::CallMethod": _Run.method,
    "prim::CallFunction": _Run.function,
    "prim::If": _Run.branch,
    "prim::Loop": _Run.loop,
    "prim::RaiseException": _Run.refusal,
}


def _raise(message: str) -> None:
    raise ValueError(message)


def _unpacked(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _keywords(node: Any) -> list[str]:
    """Names of the arguments that an operator wants by name: those behind the star."""
    if node.schema() == "(no schema)":
        return []
    inside = node.schema().partition("(")[2].rpartition(") ->")[0]
    behind = inside.partition("*, ")[2]
    return [part.split("=")[0].split()[-1] for part in behind.split(", ")] if behind else []


def _place(node: Any) -> tuple[str, int] | None:
    """File and line of the user's that a node comes from."""
    for file, line in _LINE.findall(node.sourceRange()):
        if is_foreign(file) and file != "<string>":
            return file, int(line)
    return None


def _as_if_there(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _at(place: tuple[str, int] | None, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function as if from a line of a file: what looks at the stack finds that line."""
    if place is None:
        return function(*args)
    file, line = place
    code: CodeType = _as_if_there.__code__
    there = code.replace(co_filename=file, co_firstlineno=line - 1)
    return FunctionType(there, globals())(function, *args)
