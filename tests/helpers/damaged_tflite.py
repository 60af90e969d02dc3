"""Damaged copies of a .tflite file: its bytes, its words (offsets, vtables), and its fields."""

from __future__ import annotations

import copy
import random
import struct
from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.helpers.mutations import mutated

_INTEGERS = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 31, 127, 255, 2**16, 2**31 - 1)
_REALS = (float("nan"), float("inf"), -1.0, -0.0, 1e-45, 1e38, 0.5)
_TEXTS = (b"", b"\xff\xfe", b"\x1b[31m\r\n", b"x" * 5000, "\u202e\u2028".encode(), b"a\0b")
_WORDS = (0, 1, 2, 3, 4, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
#: What a mutation may not fit the schema's types, after which another is tried.
_UNPACKABLE = (struct.error, TypeError, ValueError, AttributeError, OverflowError, LookupError)


def damaged(seed: bytes, number: int) -> bytes:
    """The damaged file of this number."""
    match number % 4:
        case 0:
            return mutated([seed], number)
        case 1:
            return _with_other_words(seed, random.Random(number))
        case _:
            return with_other_fields(seed, number)


def with_other_fields(seed: bytes, number: int) -> bytes:
    """A well-formed file of which one to four fields say something else."""
    rng = random.Random(number)
    while True:
        model = schema.ModelT.InitFromPackedBuf(seed, 0)
        try:
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                _change(model, rng)
            builder = flatbuffers.Builder(1 << 14)
            builder.Finish(model.Pack(builder), b"TFL3")
            return bytes(builder.Output())
        except _UNPACKABLE:
            continue


def _with_other_words(seed: bytes, rng: random.Random) -> bytes:
    """Words of two or four bytes overwritten, or set to what stands elsewhere or points nearby."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4))):
        form = rng.choice(("<H", "<I", "<I"))
        size = struct.calcsize(form)
        at = rng.randrange(0, len(data) - size, 2)
        elsewhere = struct.unpack_from(form, data, rng.randrange(0, len(data) - size, 2))[0]
        near = struct.unpack_from(form, data, at)[0] + rng.choice((-8, -4, -2, -1, 1, 2, 4, 8))
        value = rng.choice((rng.choice(_WORDS), elsewhere, near, len(data) - at))
        struct.pack_into(form, data, at, value % 2 ** (8 * size))
    return bytes(data)


def _change(model: Any, rng: random.Random) -> None:
    places = list(_places(model))
    holder, key = rng.choice(places)
    value = holder[key] if isinstance(holder, list) else getattr(holder, key)
    changed = _other(value, [held for held, _ in places], rng)
    if isinstance(holder, list):
        holder[key] = changed
    else:
        setattr(holder, key, changed)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every field of every object, and every element of every list of objects."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield value, index
            yield from _places(one)
    elif hasattr(value, "__dict__"):
        for name, one in vars(value).items():
            yield value, name
            yield from _places(one)


def _other(value: Any, holders: list[Any], rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((rng.choice(_INTEGERS), value + 1, value - 1))
    if isinstance(value, float):
        return rng.choice(_REALS)
    if isinstance(value, str | bytes):
        return rng.choice(_TEXTS)
    if isinstance(value, np.ndarray):
        return _other_numbers(value, rng)
    if isinstance(value, list):
        return _other_list(value, rng)
    if value is None:
        return rng.choice((*_TEXTS[:1], [], _INTEGERS[rng.randrange(len(_INTEGERS))]))
    alike = [held for held in holders if type(held) is type(value)]
    return rng.choice((None, type(value)(), rng.choice(alike or [value])))


def _other_numbers(values: Any, rng: random.Random) -> Any:
    match rng.randrange(6):
        case 0:
            return None
        case 1:
            return values[:-1]
        case 2:
            return np.concatenate([values, values])
        case 3 if len(values) < 100:
            return np.tile(values, 1000)
        case _ if len(values):
            kind = values.dtype
            chosen = rng.choice(_REALS if kind.kind == "f" else _INTEGERS)
            changed = values.copy()
            changed[rng.randrange(len(values))] = np.array(chosen).astype(kind)
            return changed
    return None


def _other_list(values: list[Any], rng: random.Random) -> list[Any] | None:
    match rng.randrange(7):
        case 0:
            return None
        case 1:
            return values[:-1]
        case 2:
            return values[1:]
        case 3:
            return values + values[:1]
        case 4 if len(values) < 100:
            return values * 300
        case 5:
            return rng.sample(values, len(values))
        case _ if values:
            changed = copy.copy(values)
            at = rng.randrange(len(values))
            changed[at] = _other(values[at], values, rng)
            return changed
    return []
