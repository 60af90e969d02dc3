"""What the host and the agent on a device say to each other: JSON objects, one a line.

    host  -> agent   one request
    agent -> host    "facts", then "timed" or "error", which is the last

Every line carries the protocol's version under the key `edgeconv_agent`, so that whatever else
gets into the stream (a login banner, a library's chatter) is told from an answer. The agent ends
when its standard input does: a host that dies leaves nothing running.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from edgeconv.errors import UsageError
from edgeconv.runtime.session import ENGINES, EngineName, Kernels
from edgeconv.runtime.timing import Timing, TimingConfig

PROTOCOL = 1
MARK = "edgeconv_agent"
#: The last message of a conversation is of one of these types.
FINAL = frozenset({"timed", "error"})


@dataclass(frozen=True)
class TimeRequest:
    """Time one file in this process.

    Attributes:
        path: the file, on the device.
        threads: intra-operator threads.
        kernels: as in SessionOptions.
        seed: of the random inputs.
        timing: how long to measure.
    """

    path: str
    threads: int = 1
    kernels: Kernels = "default"
    seed: int = 0
    timing: TimingConfig = field(default_factory=TimingConfig)

    def to_line(self) -> bytes:
        """The request as the agent reads it."""
        return encode("time", asdict(self))


@dataclass(frozen=True)
class TimedResult:
    """What one process measured.

    Attributes:
        engine: the engine that ran the file.
        import_ms: importing the engine.
        load_ms: opening the file and preparing it, to the point of the first inference.
        timing: the runs.
        rss_engine_bytes: memory held with the engine imported and no file open.
        rss_peak_bytes: the most memory ever held.
    """

    engine: EngineName
    import_ms: float
    load_ms: float
    timing: Timing
    rss_engine_bytes: int | None
    rss_peak_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def encode(kind: Literal["time", "facts", "timed", "error"], body: Mapping[str, Any]) -> bytes:
    """One line."""
    return json.dumps({MARK: PROTOCOL, "type": kind, **body}, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The message on a line, None where the line is none.

    Raises:
        UsageError: a message of another protocol version.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or MARK not in message:
        return None
    if message[MARK] != PROTOCOL:
        raise UsageError(
            f"the other side speaks version {str(message[MARK])[:20]} of the agent's protocol, "
            f"this one {PROTOCOL}; install the same edgeconv on both"
        )
    return message


def read_request(line: bytes) -> TimeRequest:
    """The request on a line.

    Raises:
        UsageError: it is none, or holds values outside of what is allowed.
    """
    message = decode(line)
    if message is None or message.get("type") != "time":
        raise UsageError("the agent takes one line of JSON on standard input, a request to time")
    try:
        timing = TimingConfig(**message["timing"])
        known = {f.name for f in fields(TimeRequest)}
        return TimeRequest(**{k: v for k, v in message.items() if k in known} | {"timing": timing})
    except (KeyError, TypeError) as error:
        raise UsageError(f"the request to time is not complete: {error}") from error


def read_timed(message: Mapping[str, Any]) -> TimedResult:
    """The result in a "timed" message.

    Raises:
        ValueError: a field is missing, of another type, or no possible measurement.
    """
    try:
        told = message["timing"]
        samples = tuple(_natural(ns) for ns in told["samples_ns"])
        timing = Timing(
            _natural(told["first_ns"]),
            _natural(told["warmup_runs"]),
            told["steady"] is True,
            samples,
        )
        result = TimedResult(
            engine=_engine(message["engine"]),
            import_ms=_milliseconds(message["import_ms"]),
            load_ms=_milliseconds(message["load_ms"]),
            timing=timing,
            rss_engine_bytes=_optional_natural(message["rss_engine_bytes"]),
            rss_peak_bytes=_optional_natural(message["rss_peak_bytes"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__} {error}") from error
    if not samples:
        raise ValueError("no timed run")
    return result


def _engine(value: Any) -> EngineName:
    for known in ENGINES:
        if value == known:
            return known
    raise ValueError(f"{str(value)[:40]} is no engine")


def _milliseconds(value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{str(value)[:40]} is no duration")
    return float(value)


def _natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"{str(value)[:40]} is no whole number from 0")
    return value


def _optional_natural(value: Any) -> int | None:
    return None if value is None else _natural(value)
