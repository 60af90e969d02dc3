"""What an ONNX file keeps in other files: checked before anything opens one of them.

Two things name files: a tensor, and a node that stands for a graph compiled for one processor. The
latter is refused: only engines of that processor know what is in it.

A tensor may name a file beside the model, an offset and a length. Engines resolve such names
themselves, so the names are read off the file's bytes here, with nothing but Python: a device has
no onnx package. Every name is checked, used or not.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.protobuf import Damaged, Reader, Span

#: Of all tensors together: they are held in memory, and no net for small devices comes near it.
MOST_BYTES = 2**31 - 1
#: The key that names the file; a model whose bytes lack it has no external data.
_KEY = b"location"
#: Kind of the nodes whose content is a processor's own, and mostly in another file.
_COMPILED = b"EPContext"
_MOST_NAMES = 2**14
#: NodeProto.op_type.
_OPERATOR = 4
#: TensorProto.external_data, and the key and value of an entry.
_ENTRIES, _ENTRY_KEY, _ENTRY_VALUE = 13, 1, 2
#: Message -> number of a field -> the message in it: every way from a model to a tensor.
_WAYS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_WAY_OUT = "save it as one file, or give the folder with all of its files"


@dataclass(frozen=True)
class Stored:
    """Where the values of one tensor lie.

    Attributes:
        file: a regular file in the model's folder, links resolved.
        offset: of the first byte.
        length: in bytes, all of which the file has.
    """

    file: Path
    offset: int
    length: int


def check(model: Path) -> tuple[Stored, ...]:
    """Everything that a model file keeps in other files; none of them is opened.

    Raises:
        ArtifactRefused: it names what is no regular file in its own folder, or more than is there,
            or more than `MOST_BYTES` in all, or holds what was compiled for one processor.
        OSError: the model cannot be read.
    """
    if not model.is_file():
        raise ArtifactRefused(f"{model} is no regular file")
    with model.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return ()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            named = _named(content, str(model))
    found = tuple(stored(model, entries) for entries in named)
    if sum(one.length for one in found) > MOST_BYTES:
        raise ArtifactRefused(f"{model}: its tensors in other files take more than 2 GiB")
    return found


def check_whole(content: bytes, label: str) -> None:
    """Raises ArtifactRefused where a model in memory, which has no folder, names other files.

    Also where it holds what was compiled for one processor.
    """
    if _named(content, label):
        raise ArtifactRefused(f"{label} keeps tensors in other files; {_WAY_OUT}")


def stored(model: Path, entries: Sequence[tuple[str, str]]) -> Stored:
    """Where the keys and values of one tensor's external data lead.

    Raises:
        ArtifactRefused: not to bytes of a regular file in the model's folder.
    """
    keys = [key for key, _ in entries]
    told = dict(entries)
    if len(told) != len(keys) or "location" not in told:
        raise _refused(model, f"a tensor names no file, or two ({', '.join(keys)})")
    file, size = _file(model, told["location"])
    offset = _number(model, told.get("offset", "0"))
    length = _number(model, told["length"]) if "length" in told else max(0, size - offset)
    if offset + length > size:
        raise _refused(
            model, f"{length} bytes from {offset} on in {file.name}, which has {size} bytes"
        )
    return Stored(file, offset, length)


def _file(model: Path, location: str) -> tuple[Path, int]:
    """The file a location names, links resolved, and its size."""
    shown = repr(location[:100])
    parts = re.split(r"[/\\]", location)
    # As it is written, before the disk is asked: one engine resolves links first, another last.
    if ".." in parts or not parts[0] or ":" in parts[0]:
        raise _refused(model, f"{shown} is not in the model's folder")
    try:
        folder = os.path.realpath(model.parent, strict=True)
        found = Path(os.path.realpath(Path(folder, location), strict=True))
        status = found.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        why = error.strerror if isinstance(error, OSError) else error
        raise _refused(model, f"{shown} cannot be read: {why}") from error
    if not found.is_relative_to(folder):
        raise _refused(model, f"{shown} leads out of the model's folder")
    if not stat.S_ISREG(status.st_mode):
        raise _refused(model, f"{shown} is no regular file")
    return found, status.st_size


def _number(model: Path, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _refused(model, f"{text[:40]!r} is no offset or length")
    return int(text)


def _refused(model: Path, why: str) -> ArtifactRefused:
    return ArtifactRefused(
        f"{model}: its external data cannot be used: {why}. Only regular files in the model's own "
        f"folder are opened; {_WAY_OUT}"
    )


def _named(content: bytes | mmap.mmap, label: str) -> list[list[tuple[str, str]]]:
    """Keys and values of the external data of every tensor that names a file."""
    reader = Reader(content)
    try:
        if _Search(reader, _COMPILED).is_an_operator():
            raise ArtifactRefused(
                f"{label} holds a graph that was compiled for one processor (a node of the kind "
                f"{_COMPILED.decode()}), which is not opened; give the file it was compiled from"
            )
        return _Search(reader, _KEY).external()
    except Damaged as error:
        raise ArtifactRefused(f"{label} is no ONNX file: {error}") from error


def _places(content: bytes | mmap.mmap, key: bytes) -> list[int]:
    """Where some bytes stand."""
    found: list[int] = []
    at = content.find(key)
    while at >= 0:
        found.append(at)
        if len(found) > _MOST_NAMES:
            raise Damaged(f"it names more than {_MOST_NAMES} files")
        at = content.find(key, at + len(key))
    return found


@dataclass(frozen=True, eq=False)
class _Search:
    """Goes through the messages in which a key stands."""

    reader: Reader
    key: bytes

    def external(self) -> list[list[tuple[str, str]]]:
        """Keys and values of each tensor's external data, where it has any."""
        tensors = (self._entries(span) for span in self._messages("tensor"))
        return [entries for entries in tensors if entries]

    def is_an_operator(self) -> bool:
        """Whether the key is the kind of a node."""
        return any(
            number == _OPERATOR and self.reader.bytes_of(span) == self.key
            for node in self._messages("node")
            for number, span in self.reader.inner(node)
        )

    def _messages(self, wanted: str) -> Iterator[Span]:
        """Those of one kind, wherever they are."""
        if self._places:
            yield from self._below("model", self.reader.whole, wanted)

    def _below(self, kind: str, message: Span, wanted: str) -> Iterator[Span]:
        if kind == wanted:
            yield message
        if kind not in _WAYS:
            return
        for number, span in self.reader.inner(message):
            inner = _WAYS[kind].get(number)
            if inner is not None and self._holds_a_key(span):
                yield from self._below(inner, span, wanted)

    @cached_property
    def _places(self) -> list[int]:
        return _places(self.reader.content, self.key)

    def _holds_a_key(self, span: Span) -> bool:
        after = bisect_left(self._places, span.start)
        return after < len(self._places) and self._places[after] + len(self.key) <= span.end

    def _entries(self, tensor: Span) -> list[tuple[str, str]]:
        return [
            self._entry(span) for number, span in self.reader.inner(tensor) if number == _ENTRIES
        ]

    def _entry(self, entry: Span) -> tuple[str, str]:
        told = {_ENTRY_KEY: b"", _ENTRY_VALUE: b""}
        for number, span in self.reader.inner(entry):
            if number in told:
                told[number] = self.reader.bytes_of(span)
        return os.fsdecode(told[_ENTRY_KEY]), os.fsdecode(told[_ENTRY_VALUE])
