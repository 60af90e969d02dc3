"""Files to a device and back, each with its checksum, whole or not at all.

Every step is one script for the device's shell with an exit code of its own for each way to fail.
Clocks are never compared: the device's may be wrong.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgeconv.devices.transport.base import Completed
from edgeconv.devices.transport.envelope import last_words, script
from edgeconv.disk import open_regular
from edgeconv.errors import DeviceFailed, UsageError

#: Room for the size and checksum before a pulled file's content.
HEADER_BYTES = 256
#: The slowest connection that is waited for, and what every transfer is given besides.
_SLOWEST_BYTES_PER_S = 200_000
_LEAST_S = 60.0

_NO_DIRECTORY, _NO_WRITE, _OTHER_CONTENT, _NO_RENAME, _NO_CHECKSUM = 91, 92, 93, 94, 95
_NO_FILE, _TOO_LARGE = 96, 97

#: Prints "sha256 DIGEST" or "md5 DIGEST" of standard input; the digest is a line's first word.
_DIGEST = (
    "digest() { if command -v sha256sum >/dev/null 2>&1; then set -- sha256 $(sha256sum); "
    "elif command -v shasum >/dev/null 2>&1; then set -- sha256 $(shasum -a 256); "
    "elif command -v md5sum >/dev/null 2>&1; then set -- md5 $(md5sum); "
    f'else return {_NO_CHECKSUM}; fi; echo "$1 $2"; }}; '
)
#: $1 directory, $2 file. A file left by a transfer that was cut off long ago goes.
_LOOK = (
    _DIGEST + f'umask 077; mkdir -p -- "$1" || exit {_NO_DIRECTORY}; '
    'find "$1" -name ".edgeconv-part-*" -mmin +60 -exec rm -f -- "{}" ";" 2>/dev/null; '
    'if [ -f "$2" ] && [ -r "$2" ]; then digest <"$2"; else digest </dev/null; fi'
)
#: $1 part, $2 file, $3 mode, $4 sha256, $5 md5. The part is checked and takes the file's place.
_SETTLE = (
    'd=$(digest <"$1") || { rm -f -- "$1"; '
    f'exit {_NO_CHECKSUM}; }}; [ "$d" = "sha256 $4" ] || [ "$d" = "md5 $5" ] || '
    f'{{ rm -f -- "$1"; exit {_OTHER_CONTENT}; }}; '
    '[ ! -d "$2" ] && chmod "$3" "$1" && mv -f -- "$1" "$2" || { rm -f -- "$1"; '
    f"exit {_NO_RENAME}; }}"
)
_RECEIVE = (
    _DIGEST + 'umask 077; cat >"$1" || { rm -f -- "$1"; ' + f"exit {_NO_WRITE}; }}; " + _SETTLE
)
#: $1 file, $2 the most bytes.
_GIVE = (
    _DIGEST + f'[ -f "$1" ] && [ -r "$1" ] || exit {_NO_FILE}; s=$(wc -c <"$1"); '
    f'echo $s $(digest <"$1"); [ "$s" -le "$2" ] || exit {_TOO_LARGE}; cat <"$1"'
)


@dataclass(frozen=True)
class LocalFile:
    """A file on its way to a device.

    Attributes:
        path: here.
        remote: there.
        part: where it lies there until it is whole; the same for a second attempt.
        size: bytes.
        sha256: of its bytes.
        md5: of its bytes, for devices that know no better.
        mode: of the file there, in octal.
    """

    path: Path
    remote: str
    part: str
    size: int
    sha256: str
    md5: str
    mode: str

    @contextmanager
    def open(self) -> Iterator[Content]:
        """The file's content as it was when it was read first."""
        try:
            file = open_regular(self.path)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}") from error
        with file:
            yield Content(self.path, file, self.size)


class Content:
    """Gives exactly as many bytes as are waited for on the device.

    Attributes:
        left: bytes that have not been read yet.
    """

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self._path = path
        self._file = file
        self.left = size

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; raises DeviceFailed where the file has become shorter."""
        data = self._file.read(min(size, self.left))
        if not data and self.left:
            raise DeviceFailed(f"{self._path} was changed while it was sent; try again")
        self.left -= len(data)
        return data


def deadline_s(size: int) -> float:
    """How long a transfer of `size` bytes may take."""
    return _LEAST_S + size / _SLOWEST_BYTES_PER_S


def local_file(path: Path, remote: str) -> LocalFile:
    """Reads a file through once.

    Raises:
        UsageError: it cannot be read, or `remote` is no absolute path.
    """
    check_remote(remote)
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            while piece := file.read(2**20):
                sha256.update(piece)
                md5.update(piece)
                size += len(piece)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    part = posixpath.join(posixpath.dirname(remote), f".edgeconv-part-{secrets.token_hex(8)}")
    permissions = "700" if mode & 0o100 else "600"
    return LocalFile(path, remote, part, size, sha256.hexdigest(), md5.hexdigest(), permissions)


def look(file: LocalFile) -> list[str]:
    """Makes the directory there and asks for the checksum of what lies at the file's place."""
    return script(_LOOK, posixpath.dirname(file.remote), file.remote)


def is_there(file: LocalFile, told: Completed, address: str) -> bool:
    """Whether the answer to `look` is the file's own checksum (DeviceFailed)."""
    if told.code != 0:
        raise _failure(file.remote, told, address)
    if file.size == 0:  # an absent file has the checksum of an empty one
        return False
    return told.text.strip() in (f"sha256 {file.sha256}", f"md5 {file.md5}")


def receive(file: LocalFile) -> list[str]:
    """Reads the file's content from standard input and puts it in its place."""
    return script(_RECEIVE, file.part, file.remote, file.mode, file.sha256, file.md5)


def settle(file: LocalFile) -> list[str]:
    """Puts a part that lies there already in the file's place."""
    return script(_DIGEST + _SETTLE, file.part, file.remote, file.mode, file.sha256, file.md5)


def check_received(file: LocalFile, done: Completed, address: str) -> None:
    """Raises DeviceFailed where the file did not get to its place."""
    if done.code != 0:
        raise _failure(file.remote, done, address)


def give(remote: str, most_bytes: int) -> list[str]:
    """Prints a file's size and checksum, then its content where that is not too large."""
    check_remote(remote)
    return script(_GIVE, remote, str(most_bytes))


def content(told: Completed, remote: str, most_bytes: int, address: str) -> bytes:
    """The file in the answer to `give`.

    Raises:
        DeviceFailed: there is none, it is too large, or was changed on the way.
    """
    header, _, body = told.stdout.partition(b"\n")
    found = re.fullmatch(rb" *(\d{1,18}) (sha256|md5) ([0-9a-f]{32,64})", header[:HEADER_BYTES])
    size = int(found[1]) if found else 0
    if size > most_bytes:
        raise DeviceFailed(
            f"{address}: {remote} has {size} bytes, more than the {most_bytes} expected"
        )
    if told.code != 0:
        raise _failure(remote, told, address)
    if found is None:
        raise DeviceFailed(f"{address}: the device did not tell the size of {remote}")
    digest = hashlib.new(found[2].decode(), body, usedforsecurity=False).hexdigest()
    if len(body) != size or digest != found[3].decode():
        raise DeviceFailed(f"{address}: {remote} was changed on the way here, or while it was read")
    return body


def check_remote(remote: str) -> None:
    """Raises UsageError unless it is an absolute path of a file."""
    if not remote.startswith("/") or "\0" in remote or "\n" in remote or remote.endswith("/"):
        raise UsageError(f"{remote!r} is no absolute path of a file on the device")


def unwritable(file: LocalFile, words: str, address: str) -> DeviceFailed:
    """The error where the device did not take the content."""
    return _failure(file.remote, Completed(_NO_WRITE, b"", words.encode()), address)


def _failure(remote: str, told: Completed, address: str) -> DeviceFailed:
    """What an exit code of a script, and the last words with it, mean."""
    words = last_words(told.stderr)
    directory = posixpath.dirname(remote)
    reason = {
        _NO_DIRECTORY: f"the directory {directory} cannot be made",
        _NO_WRITE: f"{remote} cannot be written",
        _OTHER_CONTENT: f"{remote} arrived with another checksum; was the file changed meanwhile?",
        _NO_RENAME: f"{remote} cannot be put in its place",
        _NO_CHECKSUM: "the device has neither sha256sum, shasum nor md5sum",
        _NO_FILE: f"there is no file {remote} that may be read",
    }.get(told.code, f"the device failed over {remote} (exit code {told.code})")
    if re.search("no space left|quota exceeded", words, re.IGNORECASE):
        reason = f"the device's disk is full: {remote} does not fit into {directory}"
    return DeviceFailed(f"{address}: {reason}{words}")
