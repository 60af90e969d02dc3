"""One run of a verb: what it is for, what is typed, and the digest of all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeconv.disk import sha256_of
from edgeconv.errors import UsageError

Kind = Literal["export", "parity", "eval", "bench"]


@dataclass(frozen=True)
class Given:
    """A file or folder among a verb's words.

    Attributes:
        path: it.
        also: files beside it that belong to it, such as labels.
        suffix: what is typed behind it, such as ":factory".
        digest: of all of its bytes and names.
    """

    path: Path
    also: tuple[Path, ...]
    suffix: str
    digest: str

    def typed(self, folder: Path | None = None) -> str:
        """As it is typed, where it lies or in another folder."""
        return f"{self.path if folder is None else folder / self.path.name}{self.suffix}"


@dataclass(frozen=True)
class Cell:
    """A verb with its words.

    Attributes:
        kind: the verb.
        name: what it is of: a net, or a file of its bundle.
        device: where it runs; "local" is this machine.
        words: what is typed behind the verb.
        options: option -> value, as the results tell it.
        depends: what it depends on -> its hash or version: files, folders, packages.
        title: what tells it from others, for people: "mobilenet_v2 precision=int8".
    """

    kind: Kind
    name: str
    device: str
    words: tuple[str | Given, ...]
    options: Mapping[str, str]
    depends: Mapping[str, str]
    title: str

    @property
    def digest(self) -> str:
        """24 hexadecimal digits, the same for the same work wherever its files lie."""
        known = [self.kind, self.device, sorted(self.options.items()), sorted(self.depends.items())]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:24]


def given(path: Path, hashes: Hashes, *, also: Sequence[Path] = (), suffix: str = "") -> Given:
    """A file or folder with what belongs to it; raises as `Hashes.of`."""
    parts = [(one.name, hashes.of(one)) for one in (path, *also)]
    return Given(path, tuple(also), suffix, _digest(parts))


def known(path: Path, digest: str) -> Given:
    """A file or folder whose hash is known.

    Its name counts too: a worker that has the same bytes under another name has not this file.
    """
    return Given(path, (), "", _digest([(path.name, digest)]))


def _digest(parts: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Hashes:
    """Of files and folders, each read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """SHA-256 of a file, or of a folder's names and files, in hexadecimal.

        Raises:
            UsageError: there is none, or it cannot be read.
        """
        found = self._known.get(path)
        if found is None:
            try:
                found = _of_folder(path) if path.is_dir() else sha256_of(path)
            except OSError as error:
                raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
            self._known[path] = found
        return found


def _of_folder(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            whole.update(f"{path.relative_to(folder)}\0{sha256_of(path)}\n".encode())
    return whole.hexdigest()
