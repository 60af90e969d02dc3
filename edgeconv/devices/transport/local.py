"""This machine behind the same protocol as a device: its own shell, with nothing on the way."""

from __future__ import annotations

import shutil
import tempfile

from edgeconv.devices.transport.shell import ShellTransport
from edgeconv.errors import ConnectionLost


class LocalTransport(ShellTransport):
    """See Transport. Its directory is a temporary one, and goes with it."""

    def __init__(self) -> None:
        self.address = "local"
        self.root = tempfile.mkdtemp(prefix="edgeconv-")

    def is_intact(self) -> bool:
        """See Transport."""
        return True

    def close(self) -> None:
        """See Transport."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _unanswered(self) -> None:
        """There is no way that could stand still."""

    def _carrier(self, remote: str) -> list[str]:
        return ["sh", "-c", remote]

    def _lost(self, stderr: bytes, code: int | None, begun: bool) -> ConnectionLost:
        del code
        return self._connection_lost(stderr, begun)
