"""What would spoil a measurement is said before it is made, and a quiet machine hears nothing."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from edgeconv.devices.state.preflight import warnings
from edgeconv.runtime.host import HostFacts, host_facts

QUIET = HostFacts(
    cpu="Raspberry Pi 4",
    architecture="aarch64",
    system="Linux 6.6",
    cores=4,
    usable_cores=4,
    memory_mib=4096,
    governors=("performance",),
    frequencies_mhz=(1500,),
    temperatures_c={"thermal_zone0 cpu-thermal": 48.0},
    load_1min=0.1,
    versions={"python": "3.11"},
)


def test_a_quiet_machine_gets_no_warning():
    assert warnings(asdict(QUIET), (1, 4)) == ()
    unknown = replace(QUIET, governors=(), temperatures_c={}, load_1min=None)
    assert warnings(asdict(unknown), (1,)) == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"load_1min": 3.2}, "load average is 3.2"),
        ({"governors": ("ondemand", "performance")}, "governor is ondemand"),
        ({"temperatures_c": {"cpu": 50.0, "gpu": 81.0}}, "gpu is at 81"),
        ({"usable_cores": 2}, "4 threads on 2 usable cores"),
        ({"versions": {"glibc": "2.36"}}, "figures from glibc 2.36"),
    ],
)
def test_each_disturbance_is_named(change, says):
    (warning,) = warnings(asdict(replace(QUIET, **change)), (1, 4))
    assert says in warning


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"load_1min": "high", "usable_cores": None, "governors": 5, "temperatures_c": [90]},
        {"temperatures_c": {"cpu": "hot"}, "usable_cores": True, "load_1min": 99},
    ],
)
def test_what_a_device_tells_wrongly_counts_as_not_told(facts):
    assert warnings(facts, (4,)) == ()


def test_facts_of_this_machine_can_be_read():
    facts = host_facts()
    assert facts.cpu
    assert facts.versions["python"]
