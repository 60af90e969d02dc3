"""NVIDIA GPUs as `nvidia-smi` tells of them."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

from edgeconv.devices.transport.base import Transport
from edgeconv.errors import DeviceFailed, DeviceUnreachable

_PROGRAM = "nvidia-smi"
#: In the order of Gpu's attributes.
_FIELDS = ("name", "driver_version", "memory.total", "clocks.sm", "clocks.mem", "temperature.gpu")
_DEADLINE_S = 10.0
_MOST_BYTES = 64 * 2**10
_MOST_GPUS = 64
_NOT_TOLD = ("[N/A]", "N/A", "[Not Supported]", "[Unknown Error]")


@dataclass(frozen=True)
class Gpu:
    """A GPU; None is what it does not tell.

    Attributes:
        name: as its maker calls it.
        driver: version of its driver.
        memory_mib: its own memory.
        clock_mhz: of its processors, at the moment of asking.
        memory_clock_mhz: of its memory.
        temperature_c: in degrees Celsius.
    """

    name: str
    driver: str
    memory_mib: int | None
    clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None


def gpus(transport: Transport) -> tuple[Gpu, ...]:
    """The GPUs of a machine; none where there is no `nvidia-smi` that answers."""
    query = [_PROGRAM, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = transport.run(query, deadline_s=_DEADLINE_S, most_output=_MOST_BYTES)
    except (DeviceFailed, DeviceUnreachable):
        return ()
    return read_gpus(done.text) if done.code == 0 else ()


def gpus_here() -> tuple[Gpu, ...]:
    """The GPUs of this machine."""
    if shutil.which(_PROGRAM) is None:
        return ()
    from edgeconv.devices.transport.local import LocalTransport

    with LocalTransport() as transport:
        return gpus(transport)


def read_gpus(answer: str) -> tuple[Gpu, ...]:
    """The GPUs in an answer, one a line; a line that is not as it should be counts as none."""
    lines = answer.splitlines()[:_MOST_GPUS]
    return tuple(found for found in map(_gpu, lines) if found is not None)


def _gpu(line: str) -> Gpu | None:
    name, *words = (word.strip() for word in line.split(","))
    if len(words) != len(_FIELDS) - 1 or not re.fullmatch(r"[\w .()/+-]{1,80}", name):
        return None
    driver, *numbers = words
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}", driver):
        return None
    if not all(re.fullmatch("[0-9]{1,8}", n) or n in _NOT_TOLD for n in numbers):
        return None
    memory, clock, memory_clock, celsius = (None if n in _NOT_TOLD else int(n) for n in numbers)
    return Gpu(name, driver, memory, clock, memory_clock, celsius)
