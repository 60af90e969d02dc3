"""What the keys of a profile may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from edgeconv.devices.profile.model import AgentKind, Cluster, Profile, TransportName
from edgeconv.errors import UsageError
from edgeconv.runtime.session import ENGINES, PROVIDERS, EngineName

_MOST_CORES = 1024
#: Provider -> the engines that can compute with it.
_ENGINES_ON: Mapping[str, Sequence[EngineName]] = {
    "cpu": ENGINES,
    "cuda": ("onnxruntime", "torch"),
    "tensorrt": ("onnxruntime",),
}
_LONGEST = 400


def _shown(key: str) -> str:
    """The beginning of a key, harmless for a terminal."""
    return ascii(key[:60])[1:-1]


class _Wrong(ValueError):
    """A value that is not allowed; says what is."""


def check_keys(table: Mapping[str, Any], where: str) -> None:
    """Raises UsageError for a key that no profile has."""
    for key in table:
        if key not in _READERS:
            raise UsageError(
                f"{where}: {_shown(key)} is no key of a device profile; known: "
                f"{', '.join(_READERS)}"
            )


def values(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A profile's fields from a parsed TOML table.

    Raises:
        UsageError: an unknown key or a value that is not allowed; names `where` and the key.
    """
    check_keys(table, where)
    read: dict[str, Any] = {}
    for key, value in table.items():
        try:
            read[key] = _READERS[key](value)
        except _Wrong as wrong:
            raise UsageError(f"{where}: {key} = {value!r:.80}: {wrong}") from None
    return read


def checked(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`values` of a whole profile: title and transport are there, and all fits together."""
    read = values(table, where)
    if "like" in table:
        return read
    for key in ("title", "transport"):
        if key not in read:
            raise UsageError(f'{where}: {key} is missing; add it, or start with like = "rpi4"')
    transport = read["transport"]
    for key in read:
        if transport not in _ONLY_FOR.get(key, (transport,)):
            raise UsageError(f"{where}: {key} means nothing where transport is {transport!r}")
    _check_engines(read, where)
    return read


def _check_engines(read: Mapping[str, Any], where: str) -> None:
    """Raises UsageError where an engine does not run where the profile says."""
    provider = read.get("provider", Profile.provider)
    allowed = [
        engine
        for engine in _ENGINES_ON[provider]
        if engine != "torch" or read["transport"] == "local"
    ]
    for engine in read.get("engines", Profile.engines):
        if engine not in allowed:
            raise UsageError(
                f"{where}: {engine} does not run there; engines may be {', '.join(allowed)}"
            )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise _Wrong("a line of text is wanted")
    if len(value) > _LONGEST:
        raise _Wrong(f"at most {_LONGEST} characters are allowed")
    return value


def _word(pattern: str, wanted: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not re.fullmatch(pattern, _text(value)):
            raise _Wrong(wanted)
        return str(value)

    return read


def _choice(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in allowed:
            raise _Wrong(f"allowed: {', '.join(allowed)}")
        return str(value)

    return read


def _port(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise _Wrong("a whole number from 1 to 65535 is wanted")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false is wanted")
    return value


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _engines(value: Any) -> tuple[str, ...]:
    wanted = f"a list is wanted, of {', '.join(ENGINES)}"
    if not isinstance(value, list) or not value or not all(item in ENGINES for item in value):
        raise _Wrong(wanted)
    if len(set(value)) != len(value):
        raise _Wrong("an engine is named twice")
    return tuple(value)


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise _Wrong("a list is wanted: a path, or a program and its arguments")
    return tuple(_text(item) for item in value)


def _clusters(value: Any) -> tuple[Cluster, ...]:
    if not isinstance(value, list) or not all(
        isinstance(item, dict) and set(item) == {"name", "cores"} for item in value
    ):
        raise _Wrong("tables [[clusters]] are wanted, each with name and cores")
    return tuple(Cluster(_text(item["name"]), _cores(item["cores"])) for item in value)


def _cores(value: Any) -> tuple[int, ...]:
    numbers = value if isinstance(value, list) else []
    if not numbers or not all(
        isinstance(n, int) and not isinstance(n, bool) and 0 <= n < _MOST_CORES for n in numbers
    ):
        raise _Wrong("cores is a list of core numbers, such as [4, 5, 6, 7]")
    return tuple(numbers)


#: key -> how its value is read. A host or serial never begins with "-": ssh has options.
_READERS: dict[str, Callable[[Any], Any]] = {
    "like": _text,
    "title": _text,
    "transport": _choice(*get_args(TransportName)),
    "architecture": _word(r"[a-z0-9_]{1,30}", "as `uname -m` says, such as aarch64"),
    "engines": _engines,
    "provider": _choice(*PROVIDERS),
    "agent": _choice(*get_args(AgentKind)),
    "host": _word(
        r"[A-Za-z0-9_:][A-Za-z0-9._:%-]{0,252}",
        "a host name, an address or an alias of your ssh configuration is wanted; the user goes "
        "into user (--user), the port into port (--port)",
    ),
    "user": _word(r"[A-Za-z0-9_][A-Za-z0-9._@\\-]{0,63}", "a user name is wanted"),
    "port": _port,
    "identity": _path,
    "known_hosts": _path,
    "serial": _word(r"[A-Za-z0-9_\[][A-Za-z0-9._:\[\]%-]{0,127}", "as `adb devices` shows it"),
    "adb_port": _port,
    "clusters": _clusters,
    "throttled": _words,
    "benchmark_model": _path,
    "emulated": _boolean,
}
_ONLY_FOR = {
    **dict.fromkeys(("host", "user", "port", "identity", "known_hosts"), ("ssh",)),
    **dict.fromkeys(("serial", "adb_port"), ("adb",)),
    "provider": ("local",),
}
