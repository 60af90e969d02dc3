"""Facts about a device without any of edgeconv on it: its shell is asked, in one round trip."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgeconv.devices.state.probe_script import PROBE
from edgeconv.devices.transport.base import Transport
from edgeconv.errors import ConnectionLost, DeviceFailed
from edgeconv.runtime.host import HostFacts

_DEADLINE_S = 30.0
_MOST_BYTES = 64 * 2**10
_MOST_LINES = 1000
_LONGEST_VALUE = 400
_MOST_CORES = 4096
#: Celsius; what lies outside is no temperature but a sensor that is not there.
_COLDEST_C, _HOTTEST_C = -50.0, 200.0


@dataclass(frozen=True)
class DeviceFacts:
    """What a device tells of itself; None, or nothing, where it does not.

    Attributes:
        architecture: as `uname -m` says.
        kernel: name and release.
        system: its operating system, for people.
        model: the board's or phone's name.
        cores: of the machine.
        usable_cores: those a program may run on.
        memory_mib: main memory.
        load_1min: load average over a minute.
        governors: frequency governors in use.
        frequencies_mhz: current frequency of each policy.
        temperatures_c: of each thermal zone, by name.
        throttling: what slows it down or did; None where it cannot be asked.
        free_mib: space where edgeconv's directory lies.
        python: version of its Python.
        installed: engines and NumPy in that Python, with versions.
        brought: those that edgeconv brought there.
    """

    architecture: str | None
    kernel: str | None
    system: str | None
    model: str | None
    cores: int | None
    usable_cores: int | None
    memory_mib: int | None
    load_1min: float | None
    governors: tuple[str, ...]
    frequencies_mhz: tuple[int, ...]
    temperatures_c: Mapping[str, float]
    throttling: tuple[str, ...] | None
    free_mib: int | None
    python: str | None
    installed: Mapping[str, str]
    brought: Mapping[str, str]


def probe(transport: Transport, throttled: Sequence[str] = ()) -> DeviceFacts:
    """Asks a device, once more where the connection breaks.

    Args:
        transport: to the device.
        throttled: as in Profile.

    Raises:
        DeviceFailed: it does not answer, or not in this script's words.
        DeviceUnreachable: the connection broke and does not come back.
    """
    try:
        answer = _ask(transport, throttled)
    except ConnectionLost:
        answer = _ask(transport, throttled)
    facts = read_facts(answer)
    if facts.architecture is None or facts.kernel is None:
        raise DeviceFailed(
            f"{transport.address}: its shell does not say what it is; edgeconv needs a POSIX "
            "shell there (dash, bash, busybox, mksh)"
        )
    return facts


def shell_facts(transport: Transport) -> dict[str, Any]:
    """The fields of `HostFacts`; what the device does not tell is left out.

    Raises:
        DeviceFailed, DeviceUnreachable: as `probe`.
    """
    told = asdict(probe(transport))
    facts = {field.name: told[field.name] for field in fields(HostFacts) if field.name in told}
    facts["cpu"] = told["model"] or "unknown"
    facts["system"] = ", ".join(filter(None, (told["system"], told["kernel"])))
    return {key: value for key, value in facts.items() if value is not None}


def _ask(transport: Transport, throttled: Sequence[str]) -> str:
    return transport.run(
        ["sh", "-s", "--", transport.root, *throttled],
        stdin=PROBE,
        deadline_s=_DEADLINE_S,
        most_output=_MOST_BYTES,
    ).text


def read_facts(answer: str) -> DeviceFacts:
    """The facts in a script's answer; whatever is not as it should be counts as not told."""
    told = _by_key(answer)
    zones = [_temperature(value) for value in told.get("temperature", ())]
    frequencies = [_whole(value, 10**8) for value in told.get("frequency_khz", ())]
    memory_kib = _whole(_first(told, "memory_kib"), 10**12)
    throttled = _first(told, "throttled")
    return DeviceFacts(
        architecture=_first(told, "machine"),
        kernel=_first(told, "kernel"),
        system=_first(told, "os"),
        model=_first(told, "model"),
        cores=_whole(_first(told, "cores"), _MOST_CORES) or None,
        usable_cores=_whole(_first(told, "usable_cores"), _MOST_CORES) or None,
        memory_mib=None if memory_kib is None else memory_kib // 1024,
        load_1min=_decimal(_first(told, "load")),
        governors=tuple(sorted(set(told.get("governor", ())))),
        frequencies_mhz=tuple(khz // 1000 for khz in frequencies if khz is not None),
        temperatures_c=dict(zone for zone in zones if zone is not None),
        throttling=None if throttled is None else throttling(throttled),
        free_mib=_free_mib(_first(told, "space")),
        python=_first(told, "python"),
        installed=_packages(told.get("installed", ())),
        brought=_packages(told.get("brought", ())),
    )


#: Bits of the Raspberry Pi's answer, as its documentation of `vcgencmd get_throttled` has them.
_FLAGS = {
    0: "under-voltage now",
    1: "frequency capped now",
    2: "throttled now",
    3: "soft temperature limit now",
    16: "under-voltage since it started",
    17: "frequency was capped since it started",
    18: "was throttled since it started",
    19: "soft temperature limit since it started",
}


def throttling(word: str) -> tuple[str, ...] | None:
    """What flags such as `throttled=0x50005` say; None where it is no such word."""
    found = re.fullmatch(r"(?:throttled=)?(?:0x)?([0-9a-fA-F]{1,8})", word.strip())
    if found is None:
        return None
    flags = int(found[1], 16)
    return tuple(meaning for bit, meaning in _FLAGS.items() if flags >> bit & 1)


def _by_key(answer: str) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for line in answer.splitlines()[:_MOST_LINES]:
        key, separator, value = line.partition("=")
        value = " ".join(value.split())
        if separator and re.fullmatch("[a-z_]{1,30}", key) and 0 < len(value) <= _LONGEST_VALUE:
            told.setdefault(key, []).append(value)
    return told


def _first(told: Mapping[str, Sequence[str]], key: str) -> str | None:
    return told[key][0] if key in told else None


def _whole(text: str | None, most: int) -> int | None:
    if text is None or not re.fullmatch(r"[0-9]{1,15}", text) or int(text) > most:
        return None
    return int(text)


def _decimal(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) else None


def _temperature(value: str) -> tuple[str, float] | None:
    """("thermal_zone0 cpu-thermal", 48.7) from "48686 thermal_zone0 cpu-thermal"."""
    thousandths, _, name = value.partition(" ")
    if not re.fullmatch(r"-?[0-9]{1,7}", thousandths):
        return None
    celsius = int(thousandths) / 1000
    return (name, celsius) if name and _COLDEST_C < celsius < _HOTTEST_C else None


def _free_mib(line: str | None) -> int | None:
    """Available space in a line of `df -Pk`: blocks, used, available, percent."""
    found = re.search(r"\s[0-9]{1,15}\s+[0-9]{1,15}\s+([0-9]{1,15})\s+[0-9]{1,3}%", line or "")
    return int(found[1]) // 1024 if found else None


def _packages(words: Sequence[str]) -> dict[str, str]:
    """{"ai-edge-litert": "2.0.2"} from "ai_edge_litert-2.0.2.dist-info"."""
    split = [word.removesuffix(".dist-info").rpartition("-") for word in words]
    return {
        name.replace("_", "-"): version
        for name, _, version in split
        if re.fullmatch("[A-Za-z0-9_.-]{1,60}", name)
        and re.fullmatch("[0-9][0-9a-z.+]{0,40}", version)
    }
