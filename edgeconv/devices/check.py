"""Whether a device can be reached and used, and what about it would spoil a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from edgeconv.devices.agent.wheels import OLDEST_PYTHON
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.state.findings import Finding, findings_of_gpu, judged
from edgeconv.devices.state.preflight import BUSY_SHARE, HOT_C
from edgeconv.devices.state.probe import DeviceFacts, probe
from edgeconv.devices.transport.open import connect
from edgeconv.runtime.host import host_facts
from edgeconv.runtime.open import PACKAGES

#: Engines, an agent and a few models.
LEAST_FREE_MIB = 400


@dataclass(frozen=True)
class Checked:
    """A device that was reached.

    Attributes:
        profile: its profile.
        address: where it was found.
        facts: what it tells of itself.
        findings: the same, judged.
    """

    profile: Profile
    address: str
    facts: DeviceFacts
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether nothing that is needed is missing."""
        return all(finding.verdict != "missing" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.profile.name,
            "reachable": True,
            "usable": self.usable,
            "address": self.address,
            "facts": self.facts,
            "findings": self.findings,
        }


def check(profile: Profile) -> Checked:
    """Connects to a device, asks it, and judges what it says.

    Raises:
        DeviceUnreachable: there is no connection, or it is of another architecture.
        DeviceFailed: it does not answer.
    """
    with connect(profile) as transport:
        facts = probe(transport, profile.throttled)
        if profile.transport == "local":  # the agent runs in this Python, not in the system's
            versions = dict(host_facts().versions)
            facts = replace(facts, python=versions.pop("python"), installed=versions)
        return Checked(profile, transport.address, facts, tuple(findings(profile, facts)))


def findings(profile: Profile, facts: DeviceFacts) -> Iterator[Finding]:
    """What the facts mean for work with this profile."""
    yield Finding("architecture", facts.architecture)
    yield Finding("model", facts.model)
    yield Finding("system", ", ".join(filter(None, (facts.system, facts.kernel))))
    yield _cores(profile, facts)
    yield Finding("memory", None if facts.memory_mib is None else f"{facts.memory_mib} MiB")
    yield _load(profile, facts)
    yield _governor(profile, facts)
    yield Finding("frequency", _joined([f"{mhz} MHz" for mhz in facts.frequencies_mhz]))
    yield _temperature(facts)
    yield _throttling(facts)
    yield _space(facts)
    if profile.agent == "python":
        yield _python(profile, facts)
    if profile.provider == "cpu":
        yield _engines(profile, facts)
    else:
        yield from findings_of_gpu(profile.provider, torch="torch" in profile.engines)


def _cores(profile: Profile, facts: DeviceFacts) -> Finding:
    value = None if facts.cores is None else str(facts.cores)
    named = [core for cluster in profile.clusters for core in cluster.cores]
    if facts.cores is not None and named and max(named) >= facts.cores:
        return Finding(
            "cores", value, "warning", f"the profile names core {max(named)}; is it this device?"
        )
    if None not in (facts.cores, facts.usable_cores) and facts.usable_cores != facts.cores:
        return Finding("cores", f"{value}, {facts.usable_cores} of them usable")
    return Finding("cores", value)


def _load(profile: Profile, facts: DeviceFacts) -> Finding:
    if facts.load_1min is None:
        return Finding("load", None)
    is_busy = facts.load_1min > BUSY_SHARE * (facts.usable_cores or facts.cores or 1)
    advice = "end the other programs for figures one can trust"
    return judged(
        "load", f"{facts.load_1min:.2f}", advice if is_busy and not profile.emulated else ""
    )


def _governor(profile: Profile, facts: DeviceFacts) -> Finding:
    is_fixed = profile.emulated or all(name == "performance" for name in facts.governors)
    advice = (
        "the clock may change while measuring; `cpupower frequency-set -g performance` as root "
        "holds it"
    )
    return judged("governor", _joined(facts.governors), "" if is_fixed else advice)


def _temperature(facts: DeviceFacts) -> Finding:
    shown = [f"{celsius:.0f} °C {name}" for name, celsius in facts.temperatures_c.items()]
    is_hot = any(celsius >= HOT_C for celsius in facts.temperatures_c.values())
    return judged("temperature", _joined(shown), "let it cool down, or add a fan" if is_hot else "")


def _throttling(facts: DeviceFacts) -> Finding:
    if not facts.throttling:
        return Finding("throttling", None if facts.throttling is None else "none")
    advice = "cool it better"
    if any("voltage" in flag for flag in facts.throttling):
        advice = "use a stronger power supply and a short cable"
    return judged("throttling", _joined(facts.throttling), advice)


def _space(facts: DeviceFacts) -> Finding:
    if facts.free_mib is None:
        return Finding("free space", None)
    advice = f"engines and models may need {LEAST_FREE_MIB} MiB: remove what is not needed there"
    is_little = facts.free_mib < LEAST_FREE_MIB
    return judged("free space", f"{facts.free_mib} MiB", advice if is_little else "")


def _python(profile: Profile, facts: DeviceFacts) -> Finding:
    least = ".".join(map(str, OLDEST_PYTHON))
    numbers = (facts.python or "").split(".")
    advice = ""
    if facts.python is None:
        advice = f'install Python {least} or later there, or set agent = "native" in its profile'
    elif all(n.isdigit() for n in numbers[:2]) and tuple(map(int, numbers[:2])) < OLDEST_PYTHON:
        advice = f'{profile.name} needs Python {least} or later, or agent = "native"'
    return judged("Python", facts.python, advice, "missing")


def _engines(profile: Profile, facts: DeviceFacts) -> Finding:
    there = {**facts.installed, **facts.brought}
    packages = {**PACKAGES, "torch": "torch"}
    shown = []
    for engine in profile.engines:
        version = there.get(packages[engine])
        if version is not None:
            shown.append(f"{engine} {version}")
        elif profile.transport == "local":
            return Finding("engines", engine, "missing", f"pip install {packages[engine]}")
        else:
            shown.append(f"{engine} (brought there when first used)")
    return Finding("engines", _joined(shown))


def _joined(words: Iterator[str] | list[str] | tuple[str, ...]) -> str | None:
    return ", ".join(words) or None
