"""An export that is ended at any moment: the old bundle or the new one, and nothing beside it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

import edgeconv
from edgeconv.cli.process import signals
from edgeconv.interrupts import ENDS

NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (16, 16), "resize": 16}

def build():
    return Net(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
OPTIONS = ["--weights", "random", "--int8", "--calib-samples", "8", "--out", "out", "--force"]
#: A bundle as it was before has other files than one of this export.
BEFORE = edgeconv.ExportOptions(weights="random", formats=("onnx",))


KEPT = {"net.py", "out", "temporary", "cache"}
SIGNALLED = {128 + number for number in ENDS}


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a net, and a bundle of it."""
    directory = tmp_path_factory.mktemp("place")
    (directory / "net.py").write_text(NET)
    edgeconv.export_bundle(f"{directory}/net.py:build", BEFORE, out=directory / "out")
    return directory


@pytest.fixture(scope="module")
def seconds(place: Path) -> float:
    """How long an export takes here and now, from its first line on."""
    start = time.monotonic()
    with exporting(place) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err
    return time.monotonic() - start


@contextmanager
def exporting(place: Path) -> Iterator[subprocess.Popen[str]]:
    """An export of which the entry point has begun, in folders of its own for what it keeps."""
    for kept in ("temporary", "cache"):
        (place / kept).mkdir(exist_ok=True)
    kept_in = {"TMPDIR": str(place / "temporary"), "XDG_CACHE_HOME": str(place / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeconv", "export", "net.py:build", *OPTIONS],
        cwd=place,
        env=os.environ | kept_in | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup would ignore it
    )
    with process:
        yield process


def child_of(process: subprocess.Popen[str]) -> int | None:
    """The process that does the work, which the first one watches over."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        return int(listed.read_text().split()[0])
    except (OSError, IndexError):
        return None


def check_nothing_else(place: Path) -> None:
    """There is a whole bundle, and beside it what was there before."""
    bundle = edgeconv.Bundle.load(place / "out")
    assert set(bundle.artifacts) in ({"onnx"}, {"onnx", "tflite", "int8.onnx", "int8.tflite"})
    temporary = list((place / "temporary").iterdir())
    cached = [path.name for path in (place / "cache").rglob("*") if path.is_file()]
    assert (temporary, cached) == ([], [])
    assert names(place) == KEPT


def child_is_killed(process: subprocess.Popen[str]) -> None:
    if (child := child_of(process)) is not None:
        os.kill(child, signal.SIGKILL)


def both_are_killed(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def sent(number: signal.Signals) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: process.send_signal(number)


#: How an export is ended, and what it may exit with then.
WAYS = (
    (sent(signal.SIGTERM), 128 + signal.SIGTERM),
    (child_is_killed, 128 + signal.SIGKILL),
    (sent(signal.SIGINT), 128 + signal.SIGINT),
    (both_are_killed, -signal.SIGKILL),
    (sent(signal.SIGHUP), 128 + signal.SIGHUP),
    (sent(signal.SIGKILL), -signal.SIGKILL),  # the one that watches; the kernel tells the other
)


def test_an_export_that_is_ended(place: Path, seconds: float, kills: int) -> None:
    """At a random moment, by each of the ways in turn."""
    draw = random.Random(0)
    ended = Counter[int]()
    for (end, code), _ in zip(cycle(WAYS), range(kills // 3), strict=False):
        with exporting(place) as process:
            time.sleep(draw.uniform(0.05, 1) * seconds)
            end(process)
            _, err = process.communicate()  # until both have closed it
        ended[process.returncode] += 1
        assert process.returncode in (0, code), err
        assert "Traceback" not in err
        if process.returncode in SIGNALLED:
            told = [line for line in err.splitlines() if line.startswith(signals.WORDS)]
            assert told == err.splitlines()[-1:], err
            assert names(place) == KEPT, "before any next command"
        check_nothing_else(place)
    print(f"ended with {dict(ended)}")
