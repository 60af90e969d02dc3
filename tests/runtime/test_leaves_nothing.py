"""What engines write of their own accord: nothing, wherever edgeconv starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeconv.devices.agent import payload
from edgeconv.devices.agent.conversation import Conversation
from edgeconv.runtime.requests import TimeRequest
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.tiny_models import TinyNet

ROOT = Path(__file__).resolve().parents[2]
NET = """
from torch import nn

def tiny():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 5))
"""


class Home:
    """An empty home, for commands that are told of no other place."""

    def __init__(self, place: Path) -> None:
        self.path = place / "home"
        self.path.mkdir()
        (place / "temporary").mkdir()
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
        places = {f"XDG_{n}_HOME": str(self.path / n) for n in ("CACHE", "CONFIG", "DATA", "STATE")}
        self.environment = (
            kept
            | places
            | {
                "HOME": str(self.path),
                "TMPDIR": str(place / "temporary"),
                "PYTHONPATH": str(ROOT),
            }
        )

    def run(self, *command: object) -> None:
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            capture_output=True,
            env=self.environment,
            cwd=self.path.parent,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr.decode()

    @property
    def foreign(self) -> list[str]:
        """What lies there and is not edgeconv's."""
        files = (f.relative_to(self.path) for f in self.path.rglob("*") if not f.is_dir())
        return sorted(str(f) for f in files if "edgeconv" not in f.parts)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.slow
def test_parity_here_and_on_a_device_leaves_nothing_in_the_users_home(home: Home) -> None:
    (home.path.parent / "net.py").write_text(NET)
    verbs = ["-c", "from edgeconv.cli.main import command; command()"]
    options = ["--weights", "random", "--input-size", "32", "--int8", "--out", "bundle"]
    home.run(*verbs, "export", "net.py:tiny", *options)
    home.run(*verbs, "parity", "bundle")
    home.run(*verbs, "parity", "bundle", "--device", "local")
    assert home.foreign == []


def test_the_api_leaves_nothing_in_the_users_home(home: Home, tmp_path: Path) -> None:
    model = TinyNet().float_onnx(tmp_path / "model.onnx")
    home.run("-c", f"from edgeconv.runtime.open import open_session; open_session({str(model)!r})")
    assert home.foreign == []


def test_the_agent_as_devices_get_it_leaves_nothing_in_the_users_home(
    home: Home, tmp_path: Path
) -> None:
    payload.write_agent(tmp_path / "agent.pyz")
    model = TinyNet().float_onnx(tmp_path / "model.onnx")
    engines = next(p for p in sys.path if (Path(p) / "onnxruntime").is_dir())
    command = [sys.executable, "-I", str(tmp_path / "agent.pyz"), engines]
    request = TimeRequest(str(model), timing=TimingConfig(runs=1, warmup_seconds=0.01))
    with Conversation(command, request, deadline_s=300, env=home.environment) as agent:
        agent.hear()
    assert home.foreign == []
