"""The page on adding a device names what is there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from edgeconv.devices.profile.model import Profile

PAGE = Path(__file__).resolve().parents[2] / "docs" / "add-a-device.md"


def test_its_table_has_every_key_of_a_profile_and_no_other():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    named = [key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted({f.name for f in fields(Profile)} - {"name"} | {"like"})


def test_the_profile_it_shows_is_the_one_that_comes_along():
    shown = PAGE.read_text().split("the whole of it:")[1].split("\nYour own")[0]
    profile = (PAGE.parents[1] / "edgeconv/devices/profiles/rpi5.toml").read_text()
    assert "\n".join(line.removeprefix("    ") for line in shown.strip("\n").splitlines()) == (
        profile.strip("\n")
    )
