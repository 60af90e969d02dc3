"""The inputs that a net of the user's says it takes: `input_shapes`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from edgeconv.data.arrays import LABEL
from edgeconv.data.inputs import InputSpec
from edgeconv.errors import UsageError

_EXAMPLE = 'input_shapes = {"image": (3, 64, 64), "scalars": (5,)}'
#: Past it a wrong number is likelier than a wish.
_MOST_VALUES = 2**28
_MOST_AXES = 6
_NAMED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def declared_inputs(
    holders: Sequence[Any], module: nn.Module, target: str
) -> tuple[InputSpec, ...] | None:
    """The inputs in the order of the module's forward; None where nothing is said of them.

    Args:
        holders: what may have the attribute, the first that does counts.
        module: the net.
        target: what it is called in a message.

    Raises:
        UsageError: the attribute holds no names and shapes, or others than forward takes.
    """
    for holder in holders:
        found = getattr(holder, "input_shapes", None)
        if found is not None:
            return _ordered(_specs(found, target), module, target)
    return None


def _specs(found: Any, target: str) -> list[InputSpec]:
    if not isinstance(found, Mapping) or not found:
        raise UsageError(
            f"{target}: input_shapes is {found!r:.80}; it maps each input to the shape of one "
            f"sample, without the batch axis: {_EXAMPLE}"
        )
    return [InputSpec(_name(name, target), _shape(name, found[name], target)) for name in found]


def _name(name: Any, target: str) -> str:
    if not isinstance(name, str) or not name.isidentifier() or name == LABEL:
        raise UsageError(
            f"{target}: input_shapes names an input {name!r:.80}; names are those of forward's "
            f"arguments, and none is called {LABEL}"
        )
    return name


def _shape(name: str, shape: Any, target: str) -> tuple[int, ...]:
    is_shape = isinstance(shape, tuple | list) and all(type(s) is int and s > 0 for s in shape)
    if not is_shape or len(shape) > _MOST_AXES or math.prod(shape) > _MOST_VALUES:
        raise UsageError(
            f"{target}: input_shapes gives {name} the shape {shape!r:.80}; it is the sizes of one "
            f"sample, without the batch axis: {_EXAMPLE}"
        )
    return tuple(shape)


def _ordered(specs: list[InputSpec], module: nn.Module, target: str) -> tuple[InputSpec, ...]:
    """The inputs as forward takes them, where it names its arguments."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # some have none
        return tuple(specs)
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return tuple(specs)
    taken = [p for p in parameters if p.kind in _NAMED]
    needed = {p.name for p in taken if p.default is p.empty}
    named = {spec.name: spec for spec in specs}
    names = [p.name for p in taken]
    # Positions count: nothing may be left out before what is given.
    if set(names[: len(named)]) != set(named) or not needed <= set(named):
        raise UsageError(
            f"{target}: input_shapes names {', '.join(named)}, and forward takes "
            f"{', '.join(names) or 'nothing'}; give a shape for each argument, under its name"
        )
    return tuple(named[name] for name in names[: len(named)])
