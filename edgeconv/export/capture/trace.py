"""Runs PyTorch's tracing exporter and says in a sentence what it refused."""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import onnx
import torch
from torch import nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]  # public, not in its __all__

from edgeconv.errors import NetRefused, Untraceable
from edgeconv.export.capture.calls import (
    Call,
    calls_of,
    innermost_place,
    is_foreign,
    place_of_forward,
)
from edgeconv.export.capture.constants import Constants
from edgeconv.export.capture.decompositions import functions
from edgeconv.export.capture.decompositions.composites import Composites, has_composition
from edgeconv.export.capture.decompositions.table import Decompositions
from edgeconv.export.capture.inlined import inlined
from edgeconv.export.capture.views import Views
from edgeconv.graph.passes.older_forms import OPSET
from edgeconv.nets.generated_lines import Line, user_lines
from edgeconv.nets.running import Given, each, unchanged

#: Marks nodes of `functions`.
IN_FLOAT = "in float: "

#: Where the exporter's messages stop speaking of the net.
_BOILERPLATE = (
    "Please feel free to request",
    "[Caused by the value",
    "Please open a bug",
    "Support for this operator was added",
)

#: What PyTorch calls an operator that it cannot export.
_OPERATOR = re.compile(r"operator '?(?:aten::)?_*(\w+)")

#: What it says of an output that is a constant.
_CONSTANT_OUTPUT = re.compile(r"output (\d+) .*observable data dependence", re.DOTALL)

#: What PyTorch says of a weight that no module of the net holds.
_UNREGISTERED = "Cannot insert a Tensor that requires grad as a constant"

#: What a user's module, or PyTorch on its behalf, may raise.
FOREIGN_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def trace(
    module: nn.Module, example: Given, inputs: Sequence[str], outputs: list[str]
) -> onnx.ModelProto:
    """The module as the exporter's raw ONNX graph; module and example stay as they are.

    A node's `doc_string` is its file and line, with `IN_FLOAT` before it where the node is a part
    of a function that must compute in float.

    The tracing exporter is asked, not the newer one over torch.export: it takes a tenth of the time
    and names every node after its module.

    Raises:
        Untraceable: the module's code cannot be followed by a trace.
        NetRefused: the exporter gave up on something else; says on what.
    """
    traced: set[int] = set()
    composed: dict[str, NetRefused] = {}  # operator -> how it would be refused
    while True:
        constants = Constants(frozenset(traced))
        composites = Composites(frozenset(composed))
        try:
            written = _exported(module, example, inputs, outputs, constants, composites)
        except FOREIGN_ERRORS as error:
            if constants.written <= traced:
                _take_apart(error, composed, module, example, outputs)
        else:
            if constants.written <= traced:
                break
        traced |= constants.written
    proto = onnx.load_from_string(written)
    lines = user_lines(module)
    for node in proto.graph.node:
        node.doc_string = _note(node.doc_string, lines)
    return proto


def _take_apart(
    error: BaseException,
    composed: dict[str, NetRefused],
    module: nn.Module,
    example: Given,
    outputs: Sequence[str],
) -> None:
    """Adds the operator that the exporter gave up on to those that are taken apart.

    Raises:
        NetRefused: it gave up on something else, or on what it found inside of one.
    """
    said = _OPERATOR.search(str(error))
    is_unknown = said is not None and "Exporting the operator" in str(error)
    name = said[1] if said is not None and is_unknown else None
    if composed and (name is None or _call_of(name, module, example) is None):
        raise list(composed.values())[-1] from error
    refusal = _refusal(error, module, example, outputs)
    if name is None or name in composed or not has_composition(name):
        raise refusal from error
    composed[name] = refusal


def _exported(
    module: nn.Module,
    example: Given,
    inputs: Sequence[str],
    outputs: list[str],
    constants: Constants,
    composites: Composites,
) -> bytes:
    """What the exporter writes; it changes what it is given to run."""
    buffer = io.BytesIO()
    with (
        warnings.catch_warnings(),
        _stdout_discarded(),
        unchanged(module),
        inlined(module),
        composites,
        Decompositions(),
        constants,
        Views(),
    ):
        # Tracing is deprecated in favour of torch.export; its warnings on Python values are
        # settled before, by following the data.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
        torch.onnx.export(
            module,
            tuple(tensor.clone() for tensor in each(example)),
            cast(str, buffer),  # a file-like object is taken too, the signature leaves it out
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=outputs,
            verbose=True,  # notes each operator's lines of code in its doc_string
        )
    return buffer.getvalue()


def _refusal(
    error: BaseException, module: nn.Module, example: Given, outputs: Sequence[str]
) -> NetRefused:
    """What the exporter gave up on, in the words of the net's code."""
    if (constant := _CONSTANT_OUTPUT.search(str(error))) is not None:
        place = place_of_forward(module)
        where = f" (forward at {place})" if place else ""
        if len(outputs) == 1:
            return NetRefused(f"the net's output does not depend on its input{where}")
        return NetRefused(
            f"{outputs[int(constant[1])]} does not depend on the net's input{where}; leave it out "
            "of what forward returns"
        )
    if _UNREGISTERED in str(error):
        return NetRefused(
            "the net computes with weights of a module that is none of its own"
            f"{_where(error, module)}; make it one: self.name = module in __init__"
        )
    said = _OPERATOR.search(str(error))
    call = None if said is None else _call_of(said[1], module, example)
    if call is None:
        return Untraceable(_reason(error, module))
    if "Exporting the operator" in str(error):
        return NetRefused(
            f"the net calls {call}, which ONNX (opset {OPSET}) has no operator for. Replace it by "
            "other operations, or leave it to the app"
        )
    return NetRefused(
        f"the net calls {call} in a form that ONNX (opset {OPSET}) lacks: {_text(error)}"
    )


def _call_of(operator: str, module: nn.Module, example: Given) -> Call | None:
    """The first call that runs an ATen operator, or that has its name."""
    made = calls_of(module, example)
    named = (c for c in made if c.function.replace(".", "_").endswith(f"_{operator}"))
    running = (c for c in made if operator in {name.strip("_") for name in c.operators})
    return next(named, next(running, None))


def _note(stack: str, written: Mapping[Line, Line]) -> str:
    """What a graph keeps of the lines of code that made a node."""
    return (IN_FLOAT if f"{functions.__file__}(" in stack else "") + _place(stack, written)


def _place(doc_string: str, written: Mapping[Line, Line]) -> str:
    """The user's file and line of a node, from what the exporter noted: "FILE(LINE): FUNCTION"."""
    for noted in doc_string.splitlines():
        found = re.match(r"(.+)\((\d+)\): ", noted)
        if found and is_foreign(found[1]):
            here = (found[1], int(found[2]))
            file, line = written.get(here, here)
            return f"{file}:{line}"
    return ""


@contextmanager
def _stdout_discarded() -> Iterator[None]:
    """Drops what native code writes to standard output: a failing export dumps its whole graph."""
    sys.stdout.flush()
    try:
        real = os.dup(1)
    except OSError:  # standard output is closed: nothing to keep clean
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.close(sink)
    try:
        yield
    finally:
        os.dup2(real, 1)
        os.close(real)


def _reason(error: BaseException, module: nn.Module) -> str:
    """The error's type and first line, and the line of the net it rose at."""
    return f"{type(error).__name__}: {_text(error)}{_where(error, module)}"


def _text(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else "no reason given"
    for boilerplate in _BOILERPLATE:
        text = text.partition(boilerplate)[0]
    return text.strip().rstrip(".")


def _where(error: BaseException, module: nn.Module) -> str:
    """The line of the net it rose at, in brackets; empty where there is none."""
    frames = reversed(list(traceback.walk_tb(error.__traceback__)))
    place = innermost_place(frames) or _place_of_operator(error, module)
    return f" (at {place})" if place else ""


def _place_of_operator(error: BaseException, module: nn.Module) -> str:
    """The line of the operator that the exporter was at: its own frames alone know it."""
    written = user_lines(module)
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    held = (value for frame in frames for value in list(frame.f_locals.values()))
    nodes = (value for value in held if isinstance(value, torch._C.Node))
    places = (_place(str(node.sourceRange()), written) for node in nodes)
    return next((place for place in places if place), "")
