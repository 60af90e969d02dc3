"""Sweeps of a stand-in for the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgeconv import child
from edgeconv.sweep.plan import Net, Plan, Words
from edgeconv.sweep.tools import tools
from edgeconv.sweep.work import Limits

STAND_IN = Path(__file__).with_name("stand_in.py")


def plan_of(*nets: str) -> Plan:
    return Plan(
        nets=[Net(net, net, net, Words(), {}) for net in nets],
        devices={"local": "", "board": ""},
        parity=Words(),
        eval=Words(("--data", "photos"), {"data": "photos"}, {"data": "0" * 64}),
        bench=Words(),
        tools=tools(),
        limits=Limits(),
    )


def stood_in_for(program: Path) -> Callable[[str], list[str]]:
    """`child.command` with a program in edgeconv's place, and every other module as it is."""
    real = child.command
    return lambda module: [sys.executable, str(program)] if module == "edgeconv" else real(module)


@contextmanager
def without_workers() -> Iterator[str]:
    """The address of a scheduler that has none."""
    import distributed

    with distributed.LocalCluster(
        n_workers=0, processes=False, dashboard_address=None, protocol="tcp"
    ) as started:
        yield started.scheduler_address


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in says what it was called with, and when."""
    log = tmp_path / "log"
    log.touch()
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(child, "command", stood_in_for(STAND_IN))
    return log


def entries(log: Path) -> list[dict[str, Any]]:
    """What it said: words, begun, ended."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def verbs(log: Path) -> list[str]:
    """The verbs in the order in which they ended."""
    return [entry["words"][0] for entry in entries(log)]
