"""What a device tells of its power and cooling, asked before and after a bench."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgeconv.devices.profile.model import Profile
from edgeconv.devices.state.gpu import Gpu
from edgeconv.devices.state.probe import throttling
from edgeconv.devices.transport.base import Transport
from edgeconv.errors import DeviceFailed, DeviceUnreachable

_DEADLINE_S = 10.0
_MOST_BYTES = 64 * 2**10
#: Phones save power from about here on.
_LOW_PERCENT = 20
#: A battery's own limit of temperature, from which phones slow down.
_WARM_C = 40.0
#: NVIDIA's GPUs slow down from 83 to 90 degrees.
_HOT_GPU_C = 83


@dataclass(frozen=True)
class Battery:
    """A phone's battery.

    Attributes:
        percent: how full it is.
        temperature_c: its temperature; None where it does not tell.
        plugged: whether it hangs on a supply.
    """

    percent: int
    temperature_c: float | None
    plugged: bool


@dataclass(frozen=True)
class Surroundings:
    """Power and cooling of a device at one moment; None, or nothing, is what it does not tell.

    Attributes:
        throttling: what slows it down or did; empty where nothing does.
        battery: of a phone.
        gpus: of this machine, where its profile runs on them.
    """

    throttling: tuple[str, ...] | None = None
    battery: Battery | None = None
    gpus: tuple[Gpu, ...] = ()


def ask(transport: Transport, profile: Profile) -> Surroundings:
    """Asks a device; what it does not answer, or answers with nonsense, is not told."""
    return Surroundings(
        throttling=_throttling(transport, profile),
        battery=read_battery(_said(transport, ["dumpsys", "battery"]))
        if profile.transport == "adb"
        else None,
    )


def warnings(before: Surroundings, after: Surroundings | None = None) -> Iterator[str]:
    """What may spoil a bench; with `after`, only what came up meanwhile."""
    then = dict(_complaints(before))
    if after is None:
        yield from then.values()
        return
    for key, words in _complaints(after):
        if key not in then:
            yield f"meanwhile: {words}"


def read_battery(answer: str) -> Battery | None:
    """The battery in what `dumpsys battery` says; None where it says no level."""
    told = dict(re.findall(r"^ {2}([A-Za-z ]{1,30}): ([a-z0-9-]{1,12})$", answer, re.M))
    level, tenths = told.get("level", ""), told.get("temperature", "")
    if not re.fullmatch(r"\d{1,3}", level) or int(level) > 100:
        return None
    celsius = int(tenths) / 10 if re.fullmatch(r"-?\d{1,4}", tenths) else None
    plugged = any(value == "true" for key, value in told.items() if key.endswith("powered"))
    return Battery(int(level), celsius, plugged)


def _throttling(transport: Transport, profile: Profile) -> tuple[str, ...] | None:
    if not profile.throttled:
        return None
    first, *rest = profile.throttled
    words = ["cat", first] if first.startswith("/") else [first, *rest]
    return throttling(_said(transport, words).partition("\n")[0])


def _said(transport: Transport, words: list[str]) -> str:
    """What a program says there; nothing where it is not there, or fails."""
    try:
        done = transport.run(words, deadline_s=_DEADLINE_S, most_output=_MOST_BYTES)
    except (DeviceFailed, DeviceUnreachable):
        return ""
    return done.text if done.code == 0 else ""


def _complaints(told: Surroundings) -> Iterator[tuple[str, str]]:
    """A key for what is wrong, and a sentence with the way out."""
    for flag in told.throttling or ():
        way = "use a stronger power supply" if "voltage" in flag else "cool it better"
        yield flag, f"the device tells of {flag}; {way}"
    if told.battery is not None:
        yield from _of_battery(told.battery)
    for number, gpu in enumerate(told.gpus):
        if gpu.temperature_c is not None and gpu.temperature_c >= _HOT_GPU_C:
            yield (
                f"hot GPU {number}",
                f"{gpu.name} is at {gpu.temperature_c} °C: it may throttle; let it cool down",
            )


def _of_battery(battery: Battery) -> Iterator[tuple[str, str]]:
    if battery.percent <= _LOW_PERCENT and not battery.plugged:
        yield "low battery", f"the battery is at {battery.percent} %: charge it, it saves power now"
    if battery.temperature_c is not None and battery.temperature_c >= _WARM_C:
        yield (
            "warm battery",
            f"the battery is at {battery.temperature_c:.0f} °C: the phone may slow down; let it "
            "cool",
        )
