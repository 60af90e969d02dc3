"""An emulated Android phone is one to adb: no Python, no glibc, Android's properties."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeconv.emulated import machine
from edgeconv.emulated.running import Running
from tests.helpers.machines.emulated import login, processes_below, started

NAME = "android-emulated"


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(NAME, tmp_path_factory.mktemp("cache")) as device:
        yield device


def said(device: Running, command: str) -> str:
    done = login(device, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_adb_finds_an_arm_phone_and_keeps_exit_codes_and_streams(phone):
    done = login(phone, "uname -m; id -un; echo problem >&2; exit 7")
    assert (done.returncode, done.stdout.split(), done.stderr) == (
        7,
        ["aarch64", "shell"],
        "problem\n",
    )


def test_properties_are_androids(phone):
    assert said(phone, "getprop ro.product.cpu.abi") == "arm64-v8a"
    assert said(phone, "getprop no.such.thing otherwise") == "otherwise"
    assert "[ro.build.version.sdk]: [34]" in said(phone, "getprop").splitlines()


def test_there_is_neither_python_nor_a_c_library(phone):
    assert login(phone, "command -v python3").returncode != 0
    found = said(phone, "ls -d /lib /usr/lib /lib64 2>/dev/null | wc -l")
    assert found == "0"


def test_only_its_own_directory_can_be_written(phone):
    assert login(phone, "touch /system/x").returncode != 0
    assert said(phone, "touch /data/local/tmp/x && rm /data/local/tmp/x && echo ok") == "ok"


def test_stop_ends_its_adb_server_too(phone):
    place = Path(os.environ["XDG_CACHE_HOME"])
    server = f"-P {phone.adb_port} nodaemon"
    assert any(server in found for found in processes_below(Path(server)))
    assert machine.stop(NAME)
    assert processes_below(place) == []
    assert processes_below(Path(server)) == []
    assert machine.start(NAME).pid != phone.pid
