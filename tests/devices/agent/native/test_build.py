"""The native agent is compiled for what was asked, or what is missing is said."""

from __future__ import annotations

import struct
import sys

import pytest

from edgeconv.devices.agent.native import build as building
from edgeconv.devices.agent.native.build import build
from edgeconv.errors import UnavailableError, UsageError

LOADED = 1  # program header type PT_LOAD
MACHINES = {"aarch64": 183, "x86_64": 62}  # ELF's numbers


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def compiled(architecture: str) -> bytes:
    try:
        return build(architecture).read_bytes()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("architecture", building.ARCHITECTURES)
def test_the_program_is_of_that_architecture_and_fits_pages_of_16_kb(architecture):
    elf = compiled(architecture)
    assert elf[:5] == b"\x7fELF\x02"
    assert struct.unpack_from("<H", elf, 18)[0] == MACHINES[architecture]
    offset, (size, count) = struct.unpack_from("<Q", elf, 32)[0], struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, offset + i * size) for i in range(count)]
    loaded = [header for header in headers if header[0] == LOADED]
    assert loaded
    for header in loaded:
        assert header[7] % 16384 == 0
        assert (header[2] - header[3]) % 16384 == 0  # place in the file and in memory


def test_what_is_compiled_already_is_not_compiled_again():
    compiled("x86_64")
    first = build("x86_64")
    made = first.stat().st_mtime_ns
    assert build("x86_64") == first
    assert first.stat().st_mtime_ns == made


def test_no_compiler_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(building.shutil, "which", lambda _: None)
    monkeypatch.setattr(building, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match="apt-get install gcc-aarch64-linux-gnu") as caught:
        build("aarch64")
    assert "pip install ziglang" in str(caught.value)


def test_a_compiler_that_fails_leaves_nothing_half_built(monkeypatch, tmp_path):
    monkeypatch.setattr(
        building, "_compiler", lambda _: [sys.executable, "-c", "raise SystemExit(1)"]
    )
    with pytest.raises(UnavailableError, match="cannot compile"):
        build("aarch64")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_another_architecture_is_refused():
    with pytest.raises(UsageError, match="aarch64, x86_64"):
        build("riscv64")


def test_the_agent_is_small():
    assert sum(len(source.read_text().splitlines()) for source in building._SOURCES) < 500
