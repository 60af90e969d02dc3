"""One client's connection: who it is, and which services it opens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from edgeconv.emulated.adbd import shell, sync
from edgeconv.emulated.adbd.channel import Channel
from edgeconv.emulated.adbd.messages import (
    MOST_DATA,
    VERSION,
    Command,
    Message,
    ProtocolError,
    read_message,
)

#: What AUTH's first argument says.
_TOKEN, _SIGNATURE, _PUBLIC_KEY = 1, 2, 3
_TOKEN_BYTES = 20


@dataclass(frozen=True)
class Settings:
    """What kind of phone this is.

    Attributes:
        model: as `adb devices -l` shows it.
        shell: program that runs commands.
        environment: of commands.
        features: `shell_v2` is what tells streams and exit codes apart; older phones lack it.
        authorize: "always" asks for no key; "accept" takes any key, as when a person taps Allow;
            "never" leaves every client unauthorized.
        root: directory to be confined to, as user `uid`; None for neither.
        uid: number of the user and its group.
    """

    model: str = "phone"
    shell: str = "/system/bin/sh"
    environment: dict[str, str] = field(default_factory=dict)
    features: Sequence[str] = ("shell_v2", "cmd")
    authorize: Literal["always", "accept", "never"] = "always"
    root: str | None = None
    uid: int = 2000


class Connection:
    """Serves one client until it is gone."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Settings
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._channels: dict[int, Channel] = {}
        self._services: set[asyncio.Task[None]] = set()
        self._opened = 0
        self._most_data = 4096
        self._online = False

    async def serve(self) -> None:
        """Answers messages until the client is gone or talks nonsense, then ends all services."""
        try:
            while True:
                self._answer(await read_message(self._reader))
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ProtocolError):
            pass
        finally:
            for channel in self._channels.values():
                channel.hang_up()
            await asyncio.gather(*self._services, return_exceptions=True)
            self._writer.close()

    def _answer(self, message: Message) -> None:
        match message.command:
            case Command.CNXN:
                self._most_data = max(1, min(message.second, MOST_DATA))
                if self._settings.authorize == "always":
                    self._welcome()
                else:
                    self._ask_for_key()
            case Command.AUTH:
                self._judge_key(message)
            case Command.OPEN if self._online:
                self._open(message)
            case Command.WRTE if message.second in self._channels:
                self._channels[message.second].take(message.data)
            case Command.WRTE:
                self._send(Message(Command.CLSE, 0, message.first))
            case Command.OKAY if message.second in self._channels:
                self._channels[message.second].acknowledge()
            case Command.CLSE if message.second in self._channels:
                self._channels.pop(message.second).hang_up()
                self._send(Message(Command.CLSE, message.second, message.first))
            case _:
                pass  # late news of a channel that is closed, or a client that is not let in

    def _welcome(self) -> None:
        self._online = True
        told = {
            "ro.product.name": "emulated_arm64",
            "ro.product.model": self._settings.model.replace(" ", "_"),
            "ro.product.device": "emulated",
            "features": ",".join(self._settings.features),
        }
        banner = "device::" + ";".join(f"{name}={value}" for name, value in told.items())
        self._send(Message(Command.CNXN, VERSION, MOST_DATA, banner.encode()))

    def _ask_for_key(self) -> None:
        self._send(Message(Command.AUTH, _TOKEN, 0, secrets.token_bytes(_TOKEN_BYTES)))

    def _judge_key(self, message: Message) -> None:
        """No key is known here: a signature makes it ask again, until the key itself comes."""
        if message.first == _SIGNATURE:
            self._ask_for_key()
        elif message.first == _PUBLIC_KEY and self._settings.authorize == "accept":
            self._welcome()

    def _open(self, message: Message) -> None:
        self._opened += 1
        number, remote = self._opened, message.first
        name = message.data.rstrip(b"\0").decode(errors="replace")
        kind, _, argument = name.partition(":")
        service, *flags = kind.split(",")
        channel = Channel(self._send, number, remote, self._most_data)
        if service in ("shell", "exec"):
            request = shell.Request(argument, service == "exec", frozenset(flags))
            settings = self._settings
            work = shell.serve(channel, request, settings.shell, settings.environment)
        elif service == "sync":
            work = sync.serve(channel)
        else:
            self._send(Message(Command.CLSE, 0, remote))
            return
        self._channels[number] = channel
        self._send(Message(Command.OKAY, number, remote))
        task = asyncio.create_task(self._run(work, number, remote))
        self._services.add(task)
        task.add_done_callback(self._services.discard)

    async def _run(self, work: shell.Work, number: int, remote: int) -> None:
        """Runs a service to its end, then tells the client that the channel is closed."""
        try:
            with suppress(EOFError, BrokenPipeError, ConnectionError):
                await work
        finally:
            if self._channels.pop(number, None) is not None:
                self._send(Message(Command.CLSE, number, remote))

    def _send(self, message: Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(message.encode())
