"""This machine behind the same protocol as a device."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgeconv.devices.transport import transfer
from edgeconv.devices.transport.base import (
    COMMAND_DEADLINE_S,
    MOST_OUTPUT_BYTES,
    Completed,
    Transport,
)
from edgeconv.devices.transport.exchange import DeadlinePassed, run_here
from edgeconv.disk import write_whole
from edgeconv.errors import DeviceFailed


class LocalTransport(Transport):
    """See Transport. Its directory is a temporary one, and goes with it."""

    def __init__(self) -> None:
        self.address = "local"
        self.root = tempfile.mkdtemp(prefix="edgeconv-")

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        deadline_s: float = COMMAND_DEADLINE_S,
        most_output: int = MOST_OUTPUT_BYTES,
    ) -> Completed:
        """See Transport."""
        what, deadline = f"local: {arguments[0]}", time.monotonic() + deadline_s
        try:
            return run_here(arguments, what, deadline=deadline, stdin=stdin, most=most_output)
        except DeadlinePassed:
            raise DeviceFailed(
                f"{what} did not end within {deadline_s:g} s, and was killed"
            ) from None

    def push(self, local: Path, remote: str, *, deadline_s: float | None = None) -> None:
        """See Transport; a copy on this machine has no deadline."""
        del deadline_s
        file = transfer.local_file(local, remote)
        part, target = Path(file.part), Path(remote)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(local, part)
            part.chmod(int(file.mode, 8))
            part.replace(target)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise DeviceFailed(f"local: {remote} cannot be written: {error.strerror}") from error

    def pull(
        self, remote: str, local: Path, *, most_bytes: int, deadline_s: float | None = None
    ) -> None:
        """See Transport; a copy on this machine has no deadline."""
        del deadline_s
        transfer.check_remote(remote)
        source = Path(remote)
        if not source.is_file():
            raise DeviceFailed(f"local: there is no file {remote}")
        with source.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise DeviceFailed(
                f"local: {remote} has {source.stat().st_size} bytes, more than the {most_bytes} "
                "expected"
            )
        write_whole(local, content)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """See Transport."""
        return list(arguments)

    def command_end(self, code: int, stderr: bytes) -> tuple[int | None, bytes]:
        """See Transport."""
        return code, stderr

    def watch(self, what: str) -> None:
        """See Transport: there is no way to look after."""
        del what

    def is_intact(self) -> bool:
        """See Transport."""
        return True

    def close(self) -> None:
        """See Transport."""
        shutil.rmtree(self.root, ignore_errors=True)
