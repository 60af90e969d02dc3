"""Pickles looked through before anything reads them: what a few bytes of one may unfold to.

A pickle names what it made before by a number, so that thirty tuples of two, each twice the one
before it, stand for a billion; whoever hashes or prints the last one does not come to an end.
"""

from __future__ import annotations

import pickletools
from typing import IO

#: Of one pickle; the state dicts of the largest nets have a hundredth.
_MOST_STEPS = 4_000_000
#: Tuples in tuples; a tensor's sizes lie two deep.
_MOST_LEVELS = 12
#: Of a class or a function; torch searches what it says of one for as long as its length squared.
_LONGEST_NAME = 200
_TOO_DEEP = f"its tuples are nested more than {_MOST_LEVELS} deep"


def check_unfolds(pickle: IO[bytes]) -> None:
    """Follows one pickle's steps, and makes none of its values.

    Raises:
        ValueError: it is no pickle, has too many steps, tuples nested too deeply, or a long name.
        LookupError: it takes from an empty stack.
    """
    stack: list[int | None] = []  # how deep each value's tuples are nested; None is a mark
    made: dict[object, int | None] = {}
    for step, (code, argument, _) in enumerate(pickletools.genops(pickle)):
        if step > _MOST_STEPS:
            raise ValueError(f"it has more than {_MOST_STEPS:,} steps")
        if code.name == "GLOBAL" and len(str(argument)) > _LONGEST_NAME:
            raise ValueError(f"it asks for a name of {len(str(argument)):,} characters")
        if code.name == "MARK":
            stack.append(None)
        elif "PUT" in code.name or code.name == "MEMOIZE":
            made[len(made) if argument is None else argument] = stack[-1]
        elif "GET" in code.name:
            stack.append(made[argument])
        else:
            levels = _taken(stack, code.stack_before)
            level = 1 + max(levels, default=0) if code.name.startswith("TUPLE") else 0
            if level > _MOST_LEVELS:
                raise ValueError(_TOO_DEEP)
            stack += [level] * len(code.stack_after)


def _taken(stack: list[int | None], wanted: list[pickletools.StackObject]) -> list[int]:
    """Takes what a step takes: so many values, or all down to a mark and those below it."""
    found = []
    below = len(wanted)
    if pickletools.stackslice in wanted:
        below = wanted.index(pickletools.markobject)
        while (one := stack.pop()) is not None:
            found.append(one)
    return found + [stack.pop() or 0 for _ in range(below)]
