"""Power and cooling are asked before and after a bench, and what is wrong is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgeconv.devices.agent import open_machine
from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.devices.profile.model import Profile
from edgeconv.devices.state.gpu import Gpu
from edgeconv.devices.state.surroundings import Battery, Surroundings, ask, read_battery, warnings
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.report import jsondoc
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.heard import Heard
from tests.helpers.tiny_models import TinyNet

BOARD = Profile("board", "a board", "local")
#: As `dumpsys battery` prints it.
PHONE = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 500000
  status: 2
  health: 2
  present: true
  level: 17
  scale: 100
  voltage: 4321
  temperature: 412
  technology: Li-ion
"""
HOT = Gpu("Tesla T4", "550.1", 15360, 585, 5000, 90)


def asked(profile: Profile) -> Surroundings:
    with LocalTransport() as transport:
        return ask(transport, profile)


def test_throttling_is_asked_of_a_program_or_a_file(tmp_path):
    (tmp_path / "flags").write_text("4\n")
    program = ("sh", "-c", "echo throttled=0x50005")
    assert asked(BOARD).throttling is None
    assert asked(replace(BOARD, throttled=(str(tmp_path / "flags"),))).throttling == (
        "throttled now",
    )
    told = asked(replace(BOARD, throttled=program)).throttling
    assert told is not None
    assert "under-voltage now" in told
    assert "was throttled since it started" in told


@pytest.mark.parametrize("program", [("no-such-program",), ("false",), ("echo", "fine"), ("/no",)])
def test_throttling_that_is_not_told_is_unknown_and_not_absent(program):
    assert asked(replace(BOARD, throttled=program)).throttling is None


def test_a_phones_battery_is_read():
    assert read_battery(PHONE) == Battery(17, 41.2, plugged=True)
    assert read_battery(PHONE.replace("USB powered: true", "USB powered: false")) == Battery(
        17, 41.2, plugged=False
    )


def test_a_phone_is_asked_for_its_battery_and_a_board_is_not(tmp_path, monkeypatch):
    (tmp_path / "dumpsys").write_text(f"#!/bin/sh\n[ $1 = battery ] && cat {tmp_path}/answer\n")
    (tmp_path / "dumpsys").chmod(0o755)
    (tmp_path / "answer").write_text(PHONE)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert asked(replace(BOARD, transport="adb")).battery == Battery(17, 41.2, plugged=True)
    assert asked(BOARD).battery is None


def test_a_device_that_is_opened_is_asked_as_its_profile_says(monkeypatch):
    monkeypatch.setattr(open_machine, "open_device", lambda profile: LocalTransport())
    monkeypatch.setattr(open_machine, "prepare_python_agent", lambda *_: ["false"])
    profile = replace(BOARD, transport="ssh", throttled=("echo", "throttled=0x1"))
    with open_machine.open_machine(profile) as machine:
        assert machine.surroundings().throttling == ("under-voltage now",)


@pytest.mark.parametrize(
    "answer",
    ["", "  level: 170\n", "  level: full\n", "Can't find service: battery\n", "level: 50\n"],
)
def test_an_answer_without_a_level_tells_of_no_battery(answer):
    assert read_battery(answer) is None


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (Surroundings(throttling=("under-voltage now",)), "stronger power supply"),
        (Surroundings(throttling=("throttled now",)), "cool it better"),
        (Surroundings(battery=Battery(12, 25.0, plugged=False)), "battery is at 12 %"),
        (Surroundings(battery=Battery(80, 43.0, plugged=True)), "battery is at 43 °C"),
        (Surroundings(gpus=(HOT,)), "Tesla T4 is at 90 °C"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(told, says):
    (warning,) = warnings(told)
    assert says in warning
    assert list(warnings(told, told)) == []
    (later,) = warnings(Surroundings(), told)
    assert later.startswith("meanwhile: ")


def test_a_device_that_is_well_hears_nothing():
    quiet = Surroundings((), Battery(12, 25.0, plugged=True), (replace(HOT, temperature_c=50),))
    assert list(warnings(quiet)) == []


class Weakening(LocalMachine):
    """A machine whose supply gives way during the bench."""

    moments = iter(())

    def surroundings(self) -> Surroundings:
        return next(self.moments)


def test_a_bench_is_told_of_what_came_up_meanwhile(tmp_path: Path):
    machine = Weakening()
    machine.moments = iter(
        [
            Surroundings(throttling=("soft temperature limit now",)),
            Surroundings(throttling=("soft temperature limit now", "under-voltage now")),
        ]
    )
    heard = Heard()
    model = TinyNet().float_onnx(tmp_path / "model.onnx")
    config = BenchConfig(processes=1, timing=TimingConfig(runs=2, warmup_seconds=0))
    report = bench(machine, {"tiny": model}, config, heard)
    own = [warning for warning in report.warnings if "device tells of" in warning]
    assert [warning.startswith("meanwhile") for warning in own] == [False, True]
    assert "under-voltage" in own[1]
    assert tuple(heard.warnings) == report.warnings
    before, after = jsondoc.plain_json(report)["surroundings"]
    assert len(before["throttling"]) + 1 == len(after["throttling"])
