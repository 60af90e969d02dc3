"""`python -m edgeconv.emulated.adbd PORT ...`: serves clients on 127.0.0.1."""

from __future__ import annotations

import argparse
import asyncio
import encodings.idna  # noqa: F401  # these are loaded late otherwise: not from inside of a chroot
import os
import traceback  # noqa: F401
from pathlib import Path

from edgeconv.emulated.adbd.connection import Connection, Settings


def main() -> None:
    """Runs until it is killed."""
    arguments = _parser().parse_args()
    settings = Settings(
        model=arguments.model,
        shell=arguments.shell,
        environment=dict(pair.split("=", 1) for pair in arguments.env),
        features=tuple(arguments.features.split(",")),
        authorize=arguments.authorize,
    )
    asyncio.run(_serve(arguments.port, settings, arguments.root, arguments.uid))


async def _serve(port: int, settings: Settings, root: Path | None, uid: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(reader, writer, settings).serve()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    if root is not None:
        _confine(root, uid)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="adbd")
    parser.add_argument("port", type=int)
    parser.add_argument("--root", type=Path, help="directory to be confined to, as --uid")
    parser.add_argument("--uid", type=int, default=2000)
    parser.add_argument("--model", default=Settings.model)
    parser.add_argument("--shell", default=Settings.shell)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--features", default="shell_v2,cmd")
    parser.add_argument(
        "--authorize", choices=("always", "accept", "never"), default=Settings.authorize
    )
    return parser


if __name__ == "__main__":
    main()
