"""Device profiles: the ones that come with edgeconv, and the user's own.

A profile is a TOML file NAME.toml; its keys are the fields of `Profile`. The user's lie in

    $XDG_CONFIG_HOME/edgeconv/devices          where that is set (an absolute path)
    ~/.config/edgeconv/devices                 on Linux
    ~/Library/Application Support/edgeconv/devices    on macOS
    %APPDATA%\\edgeconv\\devices                 on Windows

A user's file named like a built-in one is laid over it, key by key: `rpi4.toml` with the one line
`host = "10.0.0.7"` is enough. The key `like` starts from another profile's values.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from edgeconv.devices.profile import values as profile_values
from edgeconv.devices.profile.model import Profile
from edgeconv.errors import UnknownName, UsageError
from edgeconv.toml import NotToml, parse_toml, read_toml

_MOST_BYTES = 64 * 2**10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class Overrides:
    """What the command line says of the way to a device; None leaves it to the profile."""

    host: str | None = None
    serial: str | None = None
    port: int | None = None
    user: str | None = None
    identity: Path | None = None


_NONE = Overrides()
#: Which overrides mean something for which transport.
_FITTING = {
    "local": (),
    "ssh": ("host", "port", "user", "identity"),
    "adb": ("serial", "port"),
}


def load(name: str, overrides: Overrides = _NONE) -> Profile:
    """A device's profile, with the way there where it is an emulated one that runs.

    Args:
        name: what `--device` takes.
        overrides: from the command line; `port` is the adb server's for an adb device.

    Raises:
        UnknownName: there is no such profile.
        UsageError: its file, or an override, is wrong; names the key and what is allowed.
    """
    known = names()
    if name not in known:
        raise UnknownName(
            "device", name, known, f"Known: {', '.join(known)}; your own go into {directory()}"
        )
    profile = Profile(name=name, **profile_values.checked(_values(name), f"device {name}"))
    return _overridden(_with_running(profile), overrides)


def of_cpu(profile: Profile) -> Profile:
    """The profile of a device whose CPU runs the files; raises UsageError where a GPU does."""
    if profile.provider != "cpu":
        raise UsageError(
            f"{profile.name} computes on a GPU, and only bench does that; for this machine's CPU "
            "name no device"
        )
    return profile


def names() -> list[str]:
    """Every profile's name: the built-in ones, then the user's."""
    built_in = sorted(p.name.removesuffix(".toml") for p in _built_in().iterdir() if _is_toml(p))
    own = sorted(path.stem for path in _own_files() if path.stem not in built_in)
    return [*built_in, *own]


def directory() -> Path:
    """Where the user's own profiles lie; it need not exist."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    if configured.startswith("/"):
        base = Path(configured)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home()))
    else:
        base = Path.home() / ".config"
    return base / "edgeconv" / "devices"


def _values(name: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    """A profile's keys, each file's laid over those it starts from."""
    values: dict[str, Any] = {}
    built_in = _built_in() / f"{name}.toml"
    if built_in.is_file():
        values = parse_toml(built_in.read_bytes())
    own = directory() / f"{name}.toml"
    if not own.is_file():
        return values
    laid_over = _read(own)
    profile_values.check_keys(laid_over, str(own))
    start = laid_over.pop("like", None)
    if start is not None:
        profile_values.checked({"like": start}, str(own))
        if start not in names() or start in (*seen, name):
            raise UsageError(f"{own}: like = {start!r} is no other device; known: {names()}")
        values = _values(start, (*seen, name))
    values |= laid_over
    profile_values.checked(values, str(own))
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, _MOST_BYTES)
    except NotToml as error:
        raise UsageError(f"{path} {error}") from error


def _built_in() -> Any:
    return resources.files("edgeconv.devices") / "profiles"


def _is_toml(entry: Any) -> bool:
    return bool(entry.name.endswith(".toml"))


def _own_files() -> list[Path]:
    try:
        return [p for p in directory().glob("*.toml") if _NAME.fullmatch(p.stem) and p.is_file()]
    except OSError:
        return []  # no such directory: the user has none


def _with_running(profile: Profile) -> Profile:
    """The way to an emulated device that runs, in the profile."""
    if not profile.emulated:
        return profile
    from edgeconv.emulated.running import running

    found = running(profile.name)
    if found is None:
        return profile
    return replace(
        profile,
        host=found.host,
        port=found.port if profile.transport == "ssh" else None,
        user=found.user,
        identity=found.identity,
        known_hosts=found.known_hosts,
        serial=found.serial,
        adb_port=found.adb_port,
    )


def _overridden(profile: Profile, overrides: Overrides) -> Profile:
    given: dict[str, Any] = {
        f.name: value
        for f in fields(overrides)
        if (value := getattr(overrides, f.name)) is not None
    }
    for option in given:
        if option not in _FITTING[profile.transport]:
            raise UsageError(
                f"--{option} means nothing for {profile.name}, which is reached by "
                f"{profile.transport}"
            )
    if "port" in given and profile.transport == "adb":
        given["adb_port"] = given.pop("port")
    as_written: Mapping[str, Any] = {
        key: str(value) if isinstance(value, Path) else value for key, value in given.items()
    }
    return replace(profile, **profile_values.values(as_written, "the command line"))
