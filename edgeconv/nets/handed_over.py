"""A net that is handed over in Python, or what makes it, beside those that are named by words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edgeconv.errors import UsageError
from edgeconv.nets.plain import innermost
from edgeconv.nets.user_code import run_user_code

#: What is a net already, not a function that makes one.
READY = (nn.Module, torch.export.ExportedProgram)


@dataclass(frozen=True, eq=False)
class HandedOver:
    """An object in the place of FILE:FACTORY.

    Attributes:
        maker: a module, a program of torch.export, or a function or class that makes one.
        name: what its bundle is called.
        title: what it is called in a message.
    """

    maker: Any
    name: str
    title: str

    def __str__(self) -> str:
        return self.title

    def own(self) -> Any:
        """What makes the net; a ready module as a copy, for the caller's stays as it is.

        Raises:
            NetRefused: it cannot be copied.
        """
        made = self.maker
        if not isinstance(made, nn.Module):
            return made
        return run_user_code(
            lambda: copy.deepcopy(made),
            self.title,
            "cannot be copied",
            lambda _: "give a function that makes the net",
        )


def is_program(target: HandedOver) -> bool:
    """Whether it is a ready program of torch.export."""
    return isinstance(target.maker, torch.export.ExportedProgram)


def handed_over(given: nn.Module | torch.export.ExportedProgram | Callable[..., Any]) -> HandedOver:
    """A net called after its class, or after the function that makes it.

    Raises:
        UsageError: it is neither a net nor a function.
    """
    if not isinstance(given, READY) and not callable(given):
        raise UsageError(
            f"a {type(given).__name__} is no net; give a net's name, a path, an nn.Module, or a "
            "function or class that makes one"
        )
    if isinstance(given, nn.Module):
        name = type(innermost(given)).__name__
    else:
        name = getattr(given, "__name__", type(given).__name__)
    name = name if name.isidentifier() else "net"
    return HandedOver(given, name, name)
