"""Options that belong together, as one frozen dataclass among a verb's parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def gathered(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb as Typer is to read it: each dataclass among its parameters laid out in its fields.

    A field's default is Typer's option. `panel`, a class variable of the dataclass, is the heading
    that `--help` shows its options under.
    """
    hints = get_type_hints(verb)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[Parameter] = []
    for name, parameter in signature(verb).parameters.items():
        if name in groups:
            parameters += _laid_out(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name]))

    @functools.wraps(verb)
    def called(**words: Any) -> None:
        whole = {
            name: kind(**{field.name: words.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        verb(**words, **whole)

    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # as inspect reads
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called


def _laid_out(group: Any) -> Iterator[Parameter]:
    hints = get_type_hints(group)
    for field in fields(group):
        option: Any = copy(field.default)
        option.rich_help_panel = group.panel
        kind = Parameter.KEYWORD_ONLY
        yield Parameter(field.name, kind, default=option, annotation=hints[field.name])
