"""The lines that the host and the agent on a device exchange: JSON objects, one a line.

    host  -> agent   one request: "facts", "time", "run" or "profile" (`requests`)
    agent -> host    "facts", then "timed", "ran", "profiled" or "error" (`results`)

Where a file is to be timed in turns (`turns`), both go on before the last message:

    agent -> host    "ready": it waits, and nothing of it runs; `core` is where it stays from now
                     on, null where it runs on several or the system does not tell
    host  -> agent   "go": it is its turn, until its next message

Every line carries the protocol's version under the key `edgeconv_agent`, so that whatever else
gets into the stream (a login banner, a library's chatter) is told from an answer. The agent ends
when its standard input does: a host that dies leaves nothing running.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from edgeconv.documents import NotJson, parse
from edgeconv.errors import UsageError
from edgeconv.runtime.plain import plain

PROTOCOL = 1
MARK = "edgeconv_agent"
#: A conversation ends with a message of one of these types; one about facts with "facts".
FINAL = frozenset({"timed", "ran", "profiled", "error"})

Kind = Literal[
    "time", "run", "profile", "go", "facts", "ready", "timed", "ran", "profiled", "error"
]


def encode(kind: Kind, body: Mapping[str, Any]) -> bytes:
    """One line."""
    return json.dumps({MARK: PROTOCOL, "type": kind, **body}, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The message on a line, None where the line is none.

    Raises:
        UsageError: a message of another protocol version.
    """
    try:
        message = parse(line)
    except NotJson:
        return None
    if not isinstance(message, dict) or MARK not in message:
        return None
    if message[MARK] != PROTOCOL:
        version = plain(message[MARK], 20)
        raise UsageError(
            f"the other side speaks version {version} of the agent's protocol, "
            f"this one {PROTOCOL}; install the same edgeconv on both"
        )
    return message if isinstance(message.get("type"), str) else None
