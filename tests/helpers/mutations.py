"""Damaged copies of files: bytes changed, cut and joined; JSON with other values in its places."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from edgeconv.errors import EdgeconvError

#: Longest line of a message that a reader may give, and how many of them.
LONGEST_MESSAGE = 2000
MOST_LINES = 10

HOSTILE_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**39,
    1e308,
    -0.5,
    "",
    "x" * 5000,
    "../../etc/passwd",
    "\x1b[31m\r\n\0",
    "nan",
    "\u2028\U0001f600",
    [],
    {},
    [[]],
    [None],
    {"": None},
    [1, "2", {}],
    {"x" * 3000: 1},
)
HOSTILE_TEXTS = (
    "9" * 5000,
    "-" + "1" * 4301,
    "NaN",
    "-Infinity",
    "1e999",
    "0." + "1" * 3000,
    "[" * 3000,
    '{"a":' * 3000,
    "[" * 80 + "]" * 80,
    r'"\ud800"',
    r'"\u0000"',
    '"\x01"',
    '{"a": 1, "a": 2}',
    "0x" + "f" * 5000,
    "",
)
_PIECES = (b"", b"\0", b"\xff\xfe", b"\xff" * 8, b"\n", b'"', b"[", b"{", b"\\u", b"9" * 20, b"-1")


def mutated(seeds: list[bytes], number: int) -> bytes:
    """The damaged file of this number: one to eight changes of a seed's bytes."""
    rng = random.Random(number)
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        until = min(len(data), at + rng.choice((1, 2, 4, 16, 256)))
        match rng.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(data):
                data[at:until] = rng.randbytes(until - at)
            case 2:
                del data[at:]
            case 3:
                del data[at:until]
            case 4:
                data[at:at] = rng.choice(_PIECES) * rng.choice((1, 1, 3, 2000))
            case 5:
                other = rng.choice(seeds)
                start = rng.randrange(len(other) + 1)
                data[at:] = other[start:]
            case _:
                data[at:at] = data[at:until] * rng.choice((1, 2, 50))
    return bytes(data)


def mutated_json(document: Any, number: int) -> bytes:
    """The document with one to three places changed: another value, missing, or no JSON at all."""
    rng = random.Random(number)
    changed = copy.deepcopy(document)
    raw = ""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1:
                raw = rng.choice(HOSTILE_TEXTS)
                holder[key] = "RAW"
            case 2:
                holder[key] = copy.deepcopy(rng.choice([value for value, _ in _values(changed)]))
            case _:
                holder[key] = copy.deepcopy(rng.choice(HOSTILE_VALUES))
    return json.dumps(changed).replace('"RAW"', raw).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for _, place in _values(value):
        if place is not None:
            yield place


def _values(value: Any, place: tuple[Any, Any] | None = None) -> Iterator[tuple[Any, Any]]:
    yield value, place
    keys = value if isinstance(value, dict) else range(len(value) if type(value) is list else 0)
    for key in keys:
        yield from _values(value[key], (value, key))


def refuses_or_reads(read: Callable[[], object], *refusals: type[Exception]) -> bool:
    """Whether a reader took its file; it may raise these alone, with short lines."""
    try:
        read()
    except refusals as error:
        # Each is shown on one line, the ends of lines in it spelled out.
        lines = error.args if isinstance(error, EdgeconvError) else str(error).split("\n")[:2]
        assert 0 < len(lines) < MOST_LINES, lines
        assert all(0 < len(str(line)) < LONGEST_MESSAGE for line in lines), lines
        return False
    return True
