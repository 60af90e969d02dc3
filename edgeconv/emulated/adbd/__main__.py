"""`python -m edgeconv.emulated.adbd PORT SETTINGS` serves clients here; SETTINGS is JSON."""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401  # these are loaded late otherwise: not from inside of a chroot
import json
import os
import sys
import traceback  # noqa: F401
from pathlib import Path

from edgeconv.emulated.adbd.connection import Connection, Settings


def main() -> None:
    """Runs until it is killed."""
    port, settings = sys.argv[1:]
    asyncio.run(_serve(int(port), Settings(**json.loads(settings))))


async def _serve(port: int, settings: Settings) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(reader, writer, settings).serve()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    if settings.root is not None:
        _confine(Path(settings.root), settings.uid)
    async with server:
        await server.serve_forever()


def _confine(root: Path, uid: int) -> None:
    """From here on this process sees the phone's files only, as the phone's user."""
    os.chroot(root)
    os.chdir("/")
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    os.umask(0o022)


if __name__ == "__main__":
    main()
