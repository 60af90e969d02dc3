"""Damaged device profiles: read, or refused with one line."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from edgeconv.devices.profile import read as profiles
from edgeconv.errors import UsageError
from tests.helpers.mutations import mutated, refuses_or_reads

SEEDS = [
    b'title = "A board"\ntransport = "ssh"\nhost = "10.0.0.7"\nport = 22\nuser = "pi"\n'
    b'engines = ["litert"]\nclusters = [{name = "big", cores = [4, 5]}]\n',
    b'like = "rpi4"\nthrottled = ["vcgencmd", "get_throttled"]\n[[clusters]]\nname = "a"\n'
    b"cores = [0, 0x1, 0b10]\n",
    b"a.b.c.d = {e.f = 1.5e3, g = [1979-05-27T07:32:00Z, inf, nan]}\n'x'.\"y\" = '''z'''\n",
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a." * 30_000 + "a = 1", "characters, over"),
        ("\n".join(["[" + "a." * 90 + "a]"] * 300), "dots, over 64"),
        ("port = 0x" + "f" * 1500, "digits on end"),
        ("port = " + "9" * 1500, "digits on end"),
        ("a = " + "[" * 600, "brackets"),
        ("a = " + "[" * 30 + "]" * 30, "nested too deeply"),
        ("\n" * 5000, "lines, over"),
        ("x" * 1900 + " = 1", "no key of a device profile"),
        ('a = 1\nb = "\xff"'.encode("latin-1"), "line 2 is no UTF-8"),
    ],
)
def test_toml_past_its_budget_is_refused(own: Path, text: str | bytes, said: str) -> None:
    (own / "mine.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    tracemalloc.start()
    with pytest.raises(UsageError, match=said) as caught:
        profiles.load("mine")
    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()
    assert len(str(caught.value)) < 1000


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no endless file")
def test_an_endless_file_is_no_profile(own: Path) -> None:
    (own / "mine.toml").symlink_to("/dev/zero")
    with pytest.raises(UsageError):
        profiles.load("mine")


def test_damaged_profiles_are_read_or_refused(own: Path, numbers: range) -> None:
    for number in numbers:
        (own / "mine.toml").write_bytes(mutated(SEEDS, number))
        refuses_or_reads(lambda: profiles.load("mine"), UsageError)
