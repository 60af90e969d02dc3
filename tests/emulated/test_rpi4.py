"""An emulated Raspberry Pi 4 is one to everybody who looks, and is gone without a trace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeconv.emulated import machine
from edgeconv.emulated.running import Running, device_directory, running
from tests.helpers.machines.emulated import login, processes_below, started

NAME = "rpi4-emulated"
#: Bits of AT_HWCAP by name, from the kernel's arch/arm64/include/uapi/asm/hwcap.h.
HWCAP = {"fp": 0, "asimd": 1, "aes": 3, "pmull": 4, "sha1": 5, "sha2": 6, "crc32": 7, "atomics": 8}
HWCAP |= {"fphp": 9, "asimdhp": 10, "cpuid": 11, "asimdrdm": 12, "lrcpc": 15, "dcpop": 16}
HWCAP |= {"asimddp": 20}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(NAME, tmp_path_factory.mktemp("cache")) as device:
        yield device


def said(device: Running, command: str) -> str:
    done = login(device, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_ssh_finds_an_arm_board_and_keeps_exit_codes_and_streams(board):
    done = login(board, "uname -nm; whoami; echo problem >&2; exit 7")
    assert done.returncode == 7
    assert done.stdout.split() == ["rpi4-emulated", "aarch64", "pi"]
    assert done.stderr == "problem\n"


def test_who_has_no_key_stays_outside(board, tmp_path):
    other = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    options = ["-F", "none", "-i", str(other), "-o", "BatchMode=yes", "-p", str(board.port)]
    options += ["-o", f"UserKnownHostsFile={board.known_hosts}", "-o", "IdentitiesOnly=yes"]
    done = subprocess.run(["ssh", *options, "pi@127.0.0.1", "true"], capture_output=True, text=True)
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_cpuinfo_promises_no_instruction_that_qemu_lacks(board):
    """Engines choose kernels by cpuinfo; QEMU tells what it has in the auxiliary vector."""
    program = "import ctypes; print(ctypes.CDLL(None).getauxval(16))"
    has = int(said(board, f"python3 -c '{program}'"))
    promised = said(board, "grep -m1 Features /proc/cpuinfo").partition(":")[2].split()
    assert {"fp", "asimd"} <= set(promised)
    assert "asimddp" not in promised  # a Cortex-A72 has no dot product
    assert [name for name in promised if name in HWCAP and not has >> HWCAP[name] & 1] == []


def test_model_governor_and_temperature_are_where_a_board_has_them(board):
    told = said(
        board,
        "tr -d '\\0' </sys/firmware/devicetree/base/model; echo; "
        "cat /sys/class/thermal/thermal_zone0/temp; "
        "cat /sys/devices/system/cpu/cpu3/cpufreq/scaling_governor",
    )
    assert told.splitlines() == ["Raspberry Pi 4 Model B Rev 1.4", "48686", "performance"]


def test_only_home_and_tmp_can_be_written_and_no_disk_is_there(board):
    assert said(board, "touch ~/x /tmp/x && rm ~/x /tmp/x && echo written") == "written"
    assert login(board, "touch /usr/x").returncode == 1
    blocks = said(board, "find /dev -type b | wc -l; ps -e -o comm= | grep -c pytest || true")
    assert blocks.split() == ["0", "0"]


def test_files_come_and_go_by_scp(board, tmp_path):
    mine, back = tmp_path / "mine", tmp_path / "back"
    mine.write_bytes(os.urandom(3_000_000))
    options = ["-F", "none", "-q", "-i", str(board.identity), "-P", str(board.port)]
    options += ["-o", f"UserKnownHostsFile={board.known_hosts}"]
    subprocess.run(["scp", *options, mine, "pi@127.0.0.1:there"], check=True, timeout=60)
    subprocess.run(["scp", *options, "pi@127.0.0.1:there", back], check=True, timeout=60)
    assert back.read_bytes() == mine.read_bytes()
    assert (device_directory(board.name) / "storage" / "there").read_bytes() == mine.read_bytes()


def test_starts_at_the_same_time_and_later_give_the_same_device(board):
    script = f"from edgeconv.emulated.machine import start; print(start({NAME!r}).pid)"
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [int(process.communicate(timeout=60)[0]) for process in both] == [board.pid] * 2


def test_stop_leaves_no_process_no_mount_and_no_key_but_what_was_stored(board):
    place = Path(os.environ["XDG_CACHE_HOME"])
    said(board, "echo kept > ~/kept; nohup sleep 1234 </dev/null >/dev/null 2>&1 &")
    assert processes_below(place)
    assert machine.stop(NAME)
    assert running(NAME) is None
    assert processes_below(place) == []
    left = {path.name for path in device_directory(NAME).iterdir()}
    assert left == {"storage", "log"}
    assert not machine.stop(NAME)
    again = machine.start(NAME)
    assert said(again, "cat ~/kept; ps -e -o comm= | grep -c sleep || true").split() == [
        "kept",
        "0",
    ]
