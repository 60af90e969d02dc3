"""Which PyTorch functions a net calls, and on which lines: for messages that speak of its code."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

from edgeconv.errors import NetRefused
from edgeconv.nets import one_float, running
from edgeconv.nets.generated_lines import user_line
from edgeconv.nets.running import Given, forward, unchanged

_NOT_THE_USERS = (
    str(Path(torch.__file__).parent),
    str(Path(__file__).parents[1]),
    one_float.__file__,
    running.__file__,
)


@dataclass(frozen=True)
class Call:
    """One call of a PyTorch function.

    Attributes:
        function: as a user writes it, such as torch.nn.functional.affine_grid.
        place: file and line of the user's code.
        operators: names of the ATen operators it ran.
        is_random: whether it drew random numbers.
    """

    function: str
    place: str
    operators: frozenset[str]
    is_random: bool

    def __str__(self) -> str:
        """The function, and where it is called."""
        return f"{self.function} at {self.place}"


def calls_of(module: nn.Module, example: Given) -> tuple[Call, ...]:
    """Every call up to the end of a run, or up to where it fails."""
    recorder = _Recorder()
    with unchanged(module), torch.no_grad(), recorder, suppress(NetRefused):
        forward(module, example, "the net")
    return tuple(recorder.calls)


def is_foreign(filename: str) -> bool:
    """Whether a source file is of the user's: neither PyTorch's nor edgeconv's."""
    return not filename.startswith(_NOT_THE_USERS)


def place() -> str:
    """File and line of the innermost frame of the user's."""
    return innermost_place(traceback.walk_stack(sys._getframe())) or "an unknown line"


def innermost_place(frames: Iterable[tuple[FrameType, int]]) -> str:
    """File and line of the first frame of the user's; empty where there is none."""
    lines = (user_line(frame, number) for frame, number in frames)
    return next((f"{file}:{line}" for file, line in lines if is_foreign(file)), "")


def place_of_forward(module: nn.Module) -> str:
    """File and line where a net's forward begins; empty where that is no code of the user's."""
    code = getattr(inspect.unwrap(type(module).forward), "__code__", None)
    if code is None or not Path(code.co_filename).is_file() or not is_foreign(code.co_filename):
        return ""
    return f"{code.co_filename}:{code.co_firstlineno}"


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one PyTorch function and notes it."""
        before, ran = torch.get_rng_state(), _Operators()
        try:
            with ran:
                return func(*args, **(kwargs or {}))
        finally:
            is_random = not torch.equal(before, torch.get_rng_state())
            name = resolve_name(func) or getattr(func, "__name__", str(func))
            self.calls.append(Call(name, place(), frozenset(ran.names), is_random))


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs one ATen operator and notes its name."""
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))
