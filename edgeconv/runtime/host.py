"""Facts about the machine this process runs on, and its memory, as far as they can be asked."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_POLICIES = Path("/sys/devices/system/cpu/cpufreq")
_ENGINE_PACKAGES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorrt",
    "torch",
    "ai-edge-litert",
    "numpy",
)


@dataclass(frozen=True)
class HostFacts:
    """What a latency figure means nothing without.

    Attributes:
        cpu: the CPU's or the board's name.
        architecture: as `uname -m` says.
        system: operating system and kernel release.
        cores: logical cores of the machine.
        usable_cores: those this process may run on.
        memory_mib: main memory; None where it cannot be read.
        governors: frequency governors in use; empty where they cannot be read (virtual machines).
        frequencies_mhz: current frequency of each frequency policy.
        temperatures_c: of each thermal zone, by its type.
        load_1min: load average over a minute; None where the system has none.
        versions: Python's and the engines' versions.
    """

    cpu: str
    architecture: str
    system: str
    cores: int
    usable_cores: int
    memory_mib: int | None
    governors: tuple[str, ...]
    frequencies_mhz: tuple[int, ...]
    temperatures_c: dict[str, float]
    load_1min: float | None
    versions: dict[str, str]


@dataclass(frozen=True)
class Conditions:
    """What changes on a device while it works.

    Attributes:
        temperatures_c: of each thermal zone, by its type.
        frequencies_mhz: of each frequency policy.
    """

    temperatures_c: Mapping[str, float]
    frequencies_mhz: tuple[int, ...]


def host_facts() -> HostFacts:
    """Reads /proc and /sys where they exist; what cannot be read is left out, never guessed."""
    now, memory = conditions(), bytes_in("/proc/meminfo", "MemTotal")
    return HostFacts(
        cpu=_cpu_name(),
        architecture=platform.machine(),
        system=f"{platform.system()} {platform.release()}",
        cores=os.cpu_count() or 1,
        usable_cores=_usable_cores(),
        memory_mib=None if memory is None else memory // 2**20,
        governors=tuple(
            sorted({_read(p) for p in _POLICIES.glob("policy*/scaling_governor")} - {""})
        ),
        frequencies_mhz=now.frequencies_mhz,
        temperatures_c=dict(now.temperatures_c),
        load_1min=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        versions=dict(_versions()),
    )


def conditions() -> Conditions:
    """Temperatures and frequencies of this moment."""
    khz = (_read_int(path) for path in sorted(_POLICIES.glob("policy*/scaling_cur_freq")))
    return Conditions(
        temperatures_c=dict(_temperatures()),
        frequencies_mhz=tuple(found // 1000 for found in khz if found is not None),
    )


def peak_rss_bytes() -> int | None:
    """The most this process ever held in memory; None where the system does not say."""
    peak = bytes_in("/proc/self/status", "VmHWM")
    if peak is not None or sys.platform == "win32":
        return peak
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else usage * 1024


def rss_bytes() -> int | None:
    """What this process holds in memory now; None where the system does not say."""
    return bytes_in("/proc/self/status", "VmRSS")


def bytes_in(file: str, key: str) -> int | None:
    """Bytes in a line such as "MemTotal: 4096 kB" of a file in /proc."""
    found = re.search(rf"^{key}:\s*(\d+) kB", _read(Path(file)), re.M)
    return int(found.group(1)) * 1024 if found else None


def _cpu_name() -> str:
    board = _read(Path("/sys/firmware/devicetree/base/model")).strip("\0")
    found = re.search(r"^(?:model name|Hardware)\s*:\s*(.+)$", _read(Path("/proc/cpuinfo")), re.M)
    names = [name for name in (board, found.group(1) if found else "") if name]
    return ", ".join(names) or platform.processor() or "unknown"


def _usable_cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _temperatures() -> Iterator[tuple[str, float]]:
    for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*")):
        thousandths = _read_int(zone / "temp")
        if thousandths is not None:
            yield f"{zone.name} {_read(zone / 'type')}".strip(), thousandths / 1000


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    for package in _ENGINE_PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def _read(path: Path) -> str:
    """A small system file's text, "" where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _read_int(path: Path) -> int | None:
    text = _read(path)
    return int(text) if re.fullmatch(r"-?\d+", text) else None
