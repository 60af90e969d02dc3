"""Run a net's forward pass without sharing memory with it.

A forward pass is code of the user's: it may change its input in place, hand out its own buffers,
and write into them at every call. So it is given copies, gives copies, and finds the same state at
every run: the state that a file holds.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from edgeconv.nets.input_hints import hint
from edgeconv.nets.one_float import OneFloat
from edgeconv.nets.user_code import run_user_code

Given: TypeAlias = Tensor | Sequence[Tensor]
"""What a forward takes: one tensor, or several in their order."""


def each(x: Given) -> tuple[Tensor, ...]:
    """The tensors that a forward takes."""
    return (x,) if isinstance(x, Tensor) else tuple(x)


def outputs_of(module: nn.Module, x: Given, target: str) -> list[Tensor]:
    """The tensors a net gives for its input, as copies, in the order of `tensors_of`.

    Args:
        module: as it was, afterwards.
        x: float32 (N, ...); not changed.
        target: what the net is called in a message.

    Raises:
        NetRefused: the net's own code failed.
    """
    with unchanged(module), torch.no_grad():
        return [tensor.clone() for tensor in tensors_of(forward(module, x, target))]


def forward(module: nn.Module, x: Given, target: str) -> Any:
    """What a net gives for a copy of its input.

    Raises:
        NetRefused: the net's own code failed; the message holds its error, the place, the line,
            and where it is known the way out.
    """
    given = each(x)
    sizes = ", ".join(" x ".join(map(str, tensor.shape)) for tensor in given)
    return run_user_code(
        lambda: _eagerly(module, tuple(tensor.clone() for tensor in given)),
        target,
        f"cannot take an input of {sizes}" if len(given) == 1 else f"cannot take inputs of {sizes}",
        lambda error: hint(module, given, error),
    )


def gradient_of(value: Tensor, by: Tensor) -> Tensor | None:
    """The derivative of one number by a tensor that a net was run on; None: it does not depend.

    Raises:
        NetRefused: the net overwrote what the derivative needs.
    """
    (found,) = run_user_code(
        lambda: torch.autograd.grad(value, by, allow_unused=True),
        "the net",
        "cannot be differentiated",
    )
    gradient: Tensor | None = found
    return gradient


def _eagerly(module: nn.Module, given: tuple[Tensor, ...]) -> Any:
    with uncompiled(), OneFloat(given[0].dtype):
        return module(*given)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Functions that the net's code gave to torch.compile run as they are written.

    torch.cond, which compiles its branches, gives the values of `both_branches`.
    """
    cond = torch.cond
    torch.cond = both_branches  # type: ignore[assignment]
    try:
        if "torch._dynamo" not in sys.modules:  # importing it takes seconds; without it none can be
            yield
            return
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        torch.cond = cond


def both_branches(
    pred: Tensor | bool,
    true_fn: Callable[..., Any],
    false_fn: Callable[..., Any],
    operands: Sequence[Any] = (),
) -> Any:
    """What torch.cond gives, of branches that are both computed: a static graph has no other way.

    Args:
        pred: one truth value.
        true_fn: gives tensors, alone or in lists, tuples and mappings.
        false_fn: gives as many of the same shapes.
        operands: of both.
    """
    if not isinstance(pred, Tensor):
        return (true_fn if pred else false_fn)(*operands)

    def chosen(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(pred, one, other)

    return tree_map(chosen, true_fn(*operands), false_fn(*operands))


def tensors_of(value: Any) -> Iterator[Tensor]:
    """The tensors in nested mappings, tuples, lists and dataclasses, in their order."""
    if isinstance(value, Tensor):
        yield value
    for _, item in items_of(value):
        yield from tensors_of(item)


def items_of(value: Any) -> list[tuple[Any, Any]]:
    """(key, item) of what holds others: keys of a mapping, names of fields, numbers of a list."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (tuple, list)):
        return list(zip(getattr(value, "_fields", range(len(value))), value, strict=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return []


@contextmanager
def unchanged(module: nn.Module, but: Collection[nn.Module] = ()) -> Iterator[None]:
    """Afterwards the module holds what it held before: parameters, buffers and attributes.

    Args:
        module: any; of TorchScript the tensors alone.
        but: submodules that keep what they became.
    """
    kept = set(but)
    children = [child for child in module.modules() if child not in kept]
    tensors = {tensor: _held(tensor) for child in children for tensor in _tensors(child)}
    tables = [(table, table.copy()) for child in children for table in _tables(child)]
    lists = [
        (each, each.copy()) for table, _ in tables for each in table.values() if type(each) is list
    ]
    try:
        yield
    finally:
        for table, entries in tables:
            table.clear()
            table.update(entries)
        for each, items in lists:
            each[:] = items
        for tensor, (values, wants_gradient) in tensors.items():
            _restore(tensor, values, wants_gradient)


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters(recurse=False)
    yield from module.buffers(recurse=False)
    if not isinstance(module, torch.jit.ScriptModule):
        yield from (value for value in vars(module).values() if isinstance(value, Tensor))


def _tables(module: nn.Module) -> Iterator[dict[Any, Any]]:
    """A module's attributes, and those of them that hold others, such as its buffers."""
    if not isinstance(module, torch.jit.ScriptModule):
        yield vars(module)
        yield from (value for value in vars(module).values() if type(value) is dict)


def _held(tensor: Tensor) -> tuple[Tensor, bool]:
    return tensor.detach().clone(), tensor.requires_grad


def _restore(tensor: Tensor, values: Tensor, wants_gradient: bool) -> None:
    if tensor.requires_grad != wants_gradient:  # it took part in a computation with gradients
        tensor.detach_().requires_grad_(wants_gradient)
    same = tensor.shape == values.shape and tensor.dtype == values.dtype
    if not same or not torch.equal(tensor.detach(), values):
        tensor.data = values
