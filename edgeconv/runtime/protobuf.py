"""Reads protobuf's wire format as far as it takes to find one field in a file of gigabytes.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

#: The largest nets have a hundredth; more would keep Python busy for long.
_MOST_FIELDS = 2**19
_MOST_DEPTH = 100
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10


class Damaged(ValueError):
    """What is no message, or more than is read of one."""


@dataclass(frozen=True)
class Span:
    """The bytes of one message or string: from `start`, up to `end`."""

    start: int
    end: int
    depth: int = 0


class Reader:
    """Goes through the messages of one file, on a budget of fields for all of them together."""

    def __init__(self, content: bytes | mmap.mmap) -> None:
        """Reads `content`; nothing is copied."""
        self.content = content
        self._left = _MOST_FIELDS

    @property
    def whole(self) -> Span:
        """The outermost message."""
        return Span(0, len(self.content))

    def inner(self, message: Span) -> Iterator[tuple[int, Span]]:
        """Numbers and places of the messages and strings in a message; other fields are skipped.

        Raises:
            Damaged: it is no message, is nested too deep, or the budget is used up.
        """
        if message.depth > _MOST_DEPTH:
            raise Damaged(f"messages are nested more than {_MOST_DEPTH} deep")
        at = message.start
        while at < message.end:
            self._left -= 1
            if self._left < 0:
                raise Damaged(f"it has more than {_MOST_FIELDS} parts")
            tag, at = self._varint(at, message.end)
            number, kind = (tag & 0xFFFFFFFF) >> 3, tag & 7
            if kind == _VARINT:
                at = self._varint(at, message.end)[1]
                continue
            if kind == _BYTES:
                size, at = self._varint(at, message.end)
            elif kind in (_FIXED64, _FIXED32):
                size = 8 if kind == _FIXED64 else 4
            else:
                raise Damaged(f"byte {at} begins no field")
            if size > message.end - at:
                raise Damaged(f"the field at byte {at} does not end")
            if kind == _BYTES:
                yield number, Span(at, at + size, message.depth + 1)
            at += size

    def bytes_of(self, span: Span) -> bytes:
        """A copy of a string's bytes."""
        return self.content[span.start : span.end]

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for index in range(min(_MOST_VARINT_BYTES, end - at)):
            byte = self.content[at + index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value, at + index + 1
        raise Damaged(f"byte {at} begins no number")
