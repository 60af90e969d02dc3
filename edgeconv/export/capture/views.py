"""What is written into a view of a tensor is written into the tensor, and into its other views.

    w = y[:, :4]; w.add_(1)         a, b = y.chunk(2, 1); a.mul_(2)         y[..., 0].sigmoid_()

A trace names values, not memory: to it `w` has changed and `y` has not. So such a write is traced
as a function of a copy, what came out is put back into the tensor that was viewed, up to the one
that is a view of none, and the others that lie there are taken from that again:

    y -> slice -> w          copy of w -> add_ -> w';  y with w' in its place -> y';  others of y'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from edgeconv.errors import NetRefused
from edgeconv.export.capture.calls import place
from edgeconv.export.capture.constants import is_constant, memory_of, no_constant
from edgeconv.export.capture.untraced import trace_as, untraced
from edgeconv.export.capture.writes import turned_by, written_by
from edgeconv.nets.running import tensors_of

_VIEW, _TURNED = "_edgeconv_view", "_edgeconv_turned"

#: Views of PyTorch's that a trace spells out as copies.
_COPIED = (torch.diagonal, Tensor.diagonal)

Function = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class _View:
    """How a tensor was made of another that has the same memory.

    Attributes:
        parent: the other.
        made: the tensor again, of another parent.
    """

    parent: Tensor
    made: Callable[[Tensor], Tensor]

    def places(self) -> Tensor:
        """Where each value lies in the parent, counted along it; int64, shaped as the view."""
        with untraced(), torch._C.DisableTorchFunction():
            counted = torch.arange(self.parent.numel()).reshape(self.parent.shape)
            return self.made(counted)

    @cached_property
    def in_root(self) -> NDArray[np.int64]:
        """Where each value lies in what it is a view of in the end, counted along that."""
        found: NDArray[np.int64] = _places_in_root(self.parent)[self.places().reshape(-1).numpy()]
        return found


class Views(TorchFunctionMode):
    """While active, a write into one of several tensors with the same memory is one into all.

    Raises:
        NetRefused: one of them was turned about in place before; names the line.
    """

    def __init__(self) -> None:
        """Knows of no view yet."""
        super().__init__()
        self._views: dict[int, list[ref[Tensor]]] = {}  # by their memory, in the order made

    def __torch_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function."""
        kwargs = kwargs or {}
        if torch._C._get_tracing_state() is None:  # the exporter's own arithmetic, after the trace
            return func(*args, **kwargs)
        written = written_by(func, args, kwargs)
        family = [] if written is None else self._family(written)
        if written is not None and (len(family) > 1 or written is kwargs.get("out")):
            return _write(func, args, kwargs, written, family)
        result = func(*args, **kwargs)
        if func in _COPIED:
            result = _lying_there(func, args, kwargs, result)
        if (turned := turned_by(func, args)) is not None:
            setattr(turned, _TURNED, place())
        elif written is None:
            self._note(func, args, kwargs, result)
        return result

    def _note(
        self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        """Notes which tensors of a result have the memory of one that was given."""
        given = [t for t in tensors_of((args, kwargs)) if t.numel()]
        for number, tensor in enumerate(tensors_of(result)):
            parent = next((t for t in given if memory_of(t) == memory_of(tensor)), None)
            if parent is None or hasattr(tensor, _VIEW) or any(tensor is t for t in given):
                continue
            setattr(tensor, _VIEW, _View(parent, _maker(func, args, kwargs, parent, number)))
            held = self._views.get(memory_of(tensor), [])
            still = [each for each in held if each() is not None]
            self._views[memory_of(tensor)] = [*still, ref(tensor)]

    def _family(self, tensor: Tensor) -> list[Tensor]:
        """The tensors with this one's memory that are still held, each behind its parent."""
        held = [each() for each in self._views.get(memory_of(tensor), [])]
        return [_root(tensor), *(each for each in held if each is not None)]


def _maker(
    func: Function, args: Sequence[Any], kwargs: Mapping[str, Any], parent: Tensor, number: int
) -> Callable[[Tensor], Tensor]:
    def made(other: Tensor) -> Tensor:
        def swapped(value: Any) -> Any:
            if value is parent:
                return other
            return type(value)(map(swapped, value)) if type(value) in (list, tuple) else value

        given = {name: swapped(value) for name, value in kwargs.items()}
        return list(tensors_of(func(*map(swapped, args), **given)))[number]

    return made


def _lying_there(
    func: Function, args: Sequence[Any], kwargs: Mapping[str, Any], traced: Any
) -> Any:
    """The view itself, which the trace knows as the copy."""
    with untraced(), torch._C.DisableTorchFunction():
        view = func(*args, **kwargs)
    _become(view, traced)
    return view


def _write(
    func: Function,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    tensor: Tensor,
    family: Sequence[Tensor],
) -> Any:
    """Runs a function that writes into a tensor of a family, which are views of one memory."""
    for each in family:
        if hasattr(each, _TURNED):
            raise NetRefused(
                f"the net writes into a part of a tensor at {place()}, of which it turned a part "
                f"about in place at {getattr(each, _TURNED)}; leave the underscore out there "
                "(y = y.squeeze(1) for y.squeeze_(1))"
            )
    if func is Tensor.__setitem__ and _is_there_already(*args):
        return None
    if tensor is kwargs.get("out"):
        result = copy = func(*args, **{k: v for k, v in kwargs.items() if k != "out"})
    else:
        copy = tensor.clone()
        given = {k: copy if v is tensor else v for k, v in kwargs.items()}
        result = func(*(copy if i == 0 else a for i, a in enumerate(args)), **given)
    if not all(map(is_constant, (copy, *family))):
        _spread(tensor, copy, family)
    with untraced(), torch._C.DisableTorchFunction():
        if len(family) == 1:  # an empty one is given to be made as large as it has to be
            tensor.resize_(copy.shape)
        tensor.copy_(copy)
    return tensor if result is copy else result


def _is_there_already(tensor: Tensor, index: Any, value: Any) -> bool:
    """Whether an assignment is the second half of `y[index] += 1`: its value lies there."""
    if not isinstance(value, Tensor) or memory_of(value) != memory_of(tensor):
        return False
    with untraced(), torch._C.DisableTorchFunction():
        there = tensor[index]
    return all(
        getattr(value, told)() == getattr(there, told)() for told in ("data_ptr", "size", "stride")
    )


def _spread(tensor: Tensor, value: Tensor, family: Sequence[Tensor]) -> None:
    """Gives a tensor its new value in the trace, and all that overlaps with it what follows."""
    written = _places_in_root(tensor)
    done = [tensor]
    _become(tensor, value)
    while (view := _view_of(done[-1])) is not None:
        value = _put_back(view, value)
        _become(view.parent, value)
        done.append(view.parent)
    for other in family:
        view = _view_of(other)
        if view is None or any(other is each for each in done):
            continue
        if np.isin(_places_in_root(other), written).any():
            _become(other, view.made(view.parent))


def _put_back(view: _View, value: Tensor) -> Tensor:
    """A copy of a view's parent with the view's values replaced."""
    parent, places = view.parent, view.places()
    strides = places.stride()
    order = sorted(range(places.dim()), key=lambda axis: -strides[axis])
    laid = places.permute(order)  # as they lie in the parent, where that is so simple
    sides = _box(laid.reshape(-1).numpy(), tuple(parent.shape))
    if sides is None:
        flat = parent.reshape(-1).clone()
        flat[places.reshape(-1)] = value.reshape(-1)
        return flat.reshape(parent.shape)
    lengths = [len(range(*side.indices(n))) for side, n in zip(sides, parent.shape, strict=True)]
    block = value.permute(order).reshape(lengths)
    if block.shape == parent.shape:
        return block
    result = parent.clone()
    result[sides] = block
    return result


def _box(places: NDArray[np.int64], shape: tuple[int, ...]) -> tuple[slice, ...] | None:
    """Slices that name just these places in their order; None where none do."""
    sides = []
    for along in np.unravel_index(places, shape):
        seen = np.unique(along)
        step = int(seen[1] - seen[0]) if len(seen) > 1 else 1
        sides.append(slice(int(seen[0]), int(seen[-1]) + 1, step))
    named = np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)[tuple(sides)].reshape(-1)
    return tuple(sides) if np.array_equal(named, places) else None


def _become(tensor: Tensor, value: Tensor) -> None:
    """From here on the trace takes the tensor for that value."""
    trace_as(tensor, value)
    no_constant(tensor)


def _root(tensor: Tensor) -> Tensor:
    return tensor if (view := _view_of(tensor)) is None else _root(view.parent)


def _view_of(tensor: Tensor) -> _View | None:
    found: _View | None = getattr(tensor, _VIEW, None)
    return found


def _places_in_root(tensor: Tensor) -> NDArray[np.int64]:
    """Where a tensor's values lie in what it is a view of in the end, counted along that."""
    view = _view_of(tensor)
    return np.arange(tensor.numel()) if view is None else view.in_root
