"""A device is asked in one round trip, and only believed where its answer can be."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess

import pytest

from edgeconv.devices.state import probe as probing
from edgeconv.devices.state.probe import probe, read_facts, throttling
from edgeconv.devices.state.probe_script import PROBE
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.devices.transport.ssh import SshTransport
from edgeconv.errors import DeviceFailed

ANSWER = """\
throttled=throttled=0x50005
machine=aarch64
kernel=Linux 6.1.0-rpi7-rpi-v8
os=Debian GNU/Linux 12 (bookworm)
model=Raspberry Pi 4 Model B Rev 1.4
cores=4
usable_cores=3
memory_kib=3884360
load=0.15
governor=ondemand
frequency_khz=1500000
temperature=48686 thermal_zone0 cpu-thermal
space=/dev/mmcblk0p2 60932448 5120000 53000000 9% /
brought=onnxruntime-1.20.1.dist-info
brought=ai_edge_litert-2.0.2.dist-info
python=3.11.2
installed=numpy-1.24.2
"""


def test_an_answer_of_a_raspberry_pi_is_read():
    facts = read_facts(ANSWER)
    assert facts.architecture == "aarch64"
    assert facts.kernel == "Linux 6.1.0-rpi7-rpi-v8"
    assert facts.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert (facts.cores, facts.usable_cores, facts.memory_mib) == (4, 3, 3793)
    assert (facts.load_1min, facts.governors, facts.frequencies_mhz) == (
        0.15,
        ("ondemand",),
        (1500,),
    )
    assert facts.temperatures_c == {"thermal_zone0 cpu-thermal": 48.686}
    assert facts.throttling == (
        "under-voltage now",
        "throttled now",
        "under-voltage since it started",
        "was throttled since it started",
    )
    assert facts.free_mib == 51757
    assert facts.python == "3.11.2"
    assert facts.installed == {"numpy": "1.24.2"}
    assert facts.brought == {"onnxruntime": "1.20.1", "ai-edge-litert": "2.0.2"}


@pytest.mark.parametrize(
    ("word", "flags"),
    [
        ("throttled=0x0", ()),
        ("0", ()),
        ("throttled=0x1", ("under-voltage now",)),
        ("0x80008", ("soft temperature limit now", "soft temperature limit since it started")),
        ("error: unknown", None),
        ("", None),
        ("0x" + "f" * 40, None),
    ],
)
def test_throttling_flags_are_read_as_the_raspberry_pi_documents_them(word, flags):
    assert throttling(word) == flags


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "\0\1\2",
        "=\n==\n=x",
        "cores=-4\nmemory_kib=1e9\nload=nan\nfrequency_khz=fast\ntemperature=hot zone\nspace=100%",
        "cores=99999999999999999999\nload=99999999999\ntemperature=99999999 z\nspace=a b c d",
        "cores=" + "9" * 100_000,
        "temperature=-300000 zone\ncores=0\nusable_cores=0",
        "python=" + "3" * 401,
        "installed=-\ninstalled=x\nbrought=.dist-info",
    ],
)
def test_nonsense_counts_as_not_told(answer):
    facts = read_facts(answer)
    assert facts == read_facts("")


def test_answers_without_end_are_cut():
    facts = read_facts("governor=a\n" * 500 + "governor=b\n" * 10_000)
    assert facts.governors == ("a", "b")
    assert read_facts("x=y\n" * 5000 + "machine=aarch64").architecture is None


@pytest.mark.parametrize("shell", ["dash", "bash", "mksh", "busybox"])
def test_every_shell_understands_the_questions(shell, tmp_path):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    flags = tmp_path / "flags"
    flags.write_text("0x4\n")
    brought = tmp_path / "engines" / "k" / "onnxruntime-1.2.3.dist-info"
    brought.mkdir(parents=True)
    command = [program, *(["sh"] if shell == "busybox" else []), "-s", "--"]
    done = subprocess.run(
        [*command, str(tmp_path), str(flags)], input=PROBE, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr == b""
    facts = read_facts(done.stdout.decode())
    assert facts.architecture == platform.machine()
    assert facts.kernel == f"{platform.system()} {platform.release()}"
    assert facts.cores == os.cpu_count()
    assert facts.usable_cores == len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    assert facts.memory_mib == pytest.approx(memory, abs=1)
    assert facts.free_mib == pytest.approx(shutil.disk_usage(tmp_path).free / 2**20, rel=0.05)
    assert facts.throttling == ("throttled now",)
    assert facts.brought == {"onnxruntime": "1.2.3"}


def test_a_program_that_tells_of_throttling_gets_its_arguments_and_no_input():
    with LocalTransport() as transport:
        tell = ["sh", "-c", 'read line; echo "throttled=0x$1$line"', "sh", "2"]
        assert probe(transport, tell).throttling == ("frequency capped now",)


def test_a_missing_program_for_throttling_is_not_told():
    with LocalTransport() as transport:
        assert probe(transport, ["no-such-vcgencmd", "get_throttled"]).throttling is None


def test_a_connection_that_breaks_is_asked_once_more(board):
    with SshTransport(board.profile()) as transport:
        assert probe(transport).architecture == platform.machine()
        board.drop_connections()
        assert probe(transport).architecture == platform.machine()


@pytest.mark.parametrize("answer", ["", "echo hello", "head -c 60000 /dev/urandom"])
def test_a_shell_that_does_not_know_what_it_is_is_refused(monkeypatch, answer):
    monkeypatch.setattr(probing, "PROBE", answer.encode())
    with LocalTransport() as transport, pytest.raises(DeviceFailed, match="POSIX shell"):
        probe(transport)


def test_a_device_that_answers_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(probing, "PROBE", b"exec yes governor=x")
    with LocalTransport() as transport, pytest.raises(DeviceFailed, match="more than the 65536"):
        probe(transport)
