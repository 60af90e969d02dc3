"""What a device tells of itself becomes a verdict and advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeconv.devices import check
from edgeconv.devices.profile.model import Cluster, Profile
from edgeconv.devices.state.probe import DeviceFacts, read_facts
from edgeconv.errors import DeviceUnreachable

BOARD = Profile("board", "a test", "ssh", architecture="aarch64", host="board")
QUIET = read_facts(
    "machine=aarch64\nkernel=Linux 6.1\nos=Debian\ncores=4\nusable_cores=4\n"
    "memory_kib=4000000\nload=0.1\ngovernor=performance\n"
    "temperature=45000 z cpu\nspace=x 9 9 9000000 9% /\n"
    "python=3.11.2\nthrottled=0x0"
)


def judged(facts: DeviceFacts, profile: Profile = BOARD) -> dict[str, check.Finding]:
    return {finding.what: finding for finding in check.findings(profile, facts)}


def test_a_quiet_board_gives_no_advice():
    assert {f.verdict for f in judged(QUIET).values()} == {"ok"}
    assert not any(f.advice for f in judged(QUIET).values())


@pytest.mark.parametrize(
    ("changes", "what", "advice"),
    [
        ({"load_1min": 3.0}, "load", "other programs"),
        ({"governors": ("ondemand",)}, "governor", "cpupower"),
        ({"temperatures_c": {"cpu": 81.0}}, "temperature", "cool"),
        ({"throttling": ("under-voltage now",)}, "throttling", "power supply"),
        ({"throttling": ("throttled now",)}, "throttling", "cool"),
        ({"free_mib": 100}, "free space", "remove"),
    ],
)
def test_what_spoils_figures_is_a_warning_with_the_way_out(changes, what, advice):
    finding = judged(replace(QUIET, **changes))[what]
    assert finding.verdict == "warning"
    assert advice in finding.advice


def test_a_core_that_is_not_there_is_another_device():
    profile = replace(BOARD, clusters=(Cluster("big", (4, 5, 6, 7)),))
    assert "core 7" in judged(QUIET, profile)["cores"].advice


@pytest.mark.parametrize("python", [None, "2.7.18", "3.9.2"])
def test_a_board_without_a_python_that_will_do_is_not_usable(python):
    finding = judged(replace(QUIET, python=python))["Python"]
    assert finding.verdict == "missing"
    assert 'agent = "native"' in finding.advice


def test_a_phone_needs_no_python():
    phone = Profile("phone", "a test", "adb", agent="native", engines=("litert",))
    found = judged(replace(QUIET, python=None), phone)
    assert "Python" not in found
    assert {f.verdict for f in found.values()} == {"ok"}


def test_engines_are_brought_to_a_board_but_not_to_this_machine():
    assert judged(QUIET)["engines"].verdict == "ok"
    local = Profile("local", "a test", "local", engines=("litert",))
    finding = judged(QUIET, local)["engines"]
    assert (finding.verdict, finding.advice) == ("missing", "pip install ai-edge-litert")
    brought = judged(replace(QUIET, brought={"onnxruntime": "1.20.1"}))["engines"].value
    assert brought == "litert (brought there when first used), onnxruntime 1.20.1"


def test_emulated_devices_are_not_told_to_keep_quiet():
    emulated = replace(BOARD, emulated=True)
    found = judged(replace(QUIET, load_1min=20.0, governors=("ondemand",)), emulated)
    assert {f.verdict for f in found.values()} == {"ok"}


def test_this_machine_passes_its_check():
    checked = check.check(Profile("local", "a test", "local"))
    assert checked.usable
    assert checked.to_json()["reachable"] is True


def test_a_board_over_ssh_is_checked(board):
    checked = check.check(board.profile())
    assert checked.address.endswith(f":{board.port}")
    assert checked.facts.free_mib


def test_the_check_of_an_unreachable_board_does_not_advise_the_check():
    with pytest.raises(DeviceUnreachable) as caught:
        check.check(replace(BOARD, host="no-such-board.invalid"))
    assert "devices check" not in str(caught.value)
